"""The catalog of what passes between stages."""

from pathlib import Path


def held_out(kept: Path) -> set[str]:
    """Photos of validation and test in the filter's folder, that nothing may have been trained on.

    That counts rejected ones, too: a rejected twin of a tested photo shows the same.
    """
    import pandas as pd

    tables = (pd.read_parquet(kept / f"{name}.parquet", columns=["photo", "split"]) for name in ("kept", "rejected"))
    known = pd.concat(tables)
    return set(known.loc[known["split"].isin(["val", "test"]), "photo"])


from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class File:
    file: str

    def path(self, folder: Path) -> Path:
        return folder / self.file

    def read(self, folder: Path, columns: list[str] | None = None) -> "pd.DataFrame":
        import pandas as pd

        return pd.read_parquet(folder / self.file, columns=columns)

    def write(self, frame: Any, folder: Path) -> None:
        frame.to_parquet(folder / self.file, index=False)


PHOTOS = File("photos.parquet")
KEPT = File("kept.parquet")
REJECTED = File("rejected.parquet")
INDEX = File("index.parquet")
LABELS = File("labels.json")
HISTORY = File("history.json")
ERROR = File("error.json")
SNAPSHOT = File("snapshot.parquet")
CLASSIFIER = File("classifier.keras")
ENCODER = File("encoder.keras")
RECONSTRUCTIONS = File("reconstructions.npz")
LOGITS = File("logits.npy")
FEATURES = File("features.npy")
DESCRIPTORS = File("descriptors.npy")
ANSWERS = File("answers.npz")
PREDICTIONS = File("predictions.parquet")
SUBMISSION = File("submission.csv")
METRICS = File("metrics.json")
EXPLAINED = File("explained.json")
HEAT_MAPS = File("heat_maps.npz")
NEIGHBOURS = File("neighbours.parquet")
LAYERS = File("layers.npz")
REPORTED = File("reported.json")
REPORT = File("report.html")
SUMMARY = File("summary.md")
FIGURES = File("figures")
