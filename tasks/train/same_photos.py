"""Whether a stored classifier was trained on the present train and validation photos.

Then other test photos, or others that the filter removed from the test, need no new training.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.schema import TrainConfig
from tasks.held_out import held_out, memory_of
from tasks.store import hashing
from tasks.store.json_file import read_json
from tasks.tables import INDEX, KEPT, LINEAGE, TRAINED_ON

if TYPE_CHECKING:
    import pandas as pd

PHOTOS_KEY = "photos"
"""The key of the digest in lineage.json."""


def trained_and_validated(kept: Path) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Read the photos that a training uses: those to train on, and those of the same classes to validate on.

    Args:
        kept: The folder of the filter.

    Returns:
        Rows with photo, label and split; no photo of the test.
    """
    photos = KEPT.read(kept, ["photo", "label", "split"])
    train = photos[photos["split"] == "train"]
    return train, photos[(photos["split"] == "val") & photos["label"].isin(set(train["label"]))]


def photos_digest(kept: Path, inputs: Path) -> str:
    """Compute a digest of all photos that a training uses: their classes, their splits, and their tiles or features."""
    import pandas as pd

    photos = pd.concat(trained_and_validated(kept))
    index = INDEX.read(inputs, ["photo", "digest"]).set_index("photo")
    rows = photos.assign(digest=index.loc[photos["photo"], "digest"].to_numpy())
    return hashing.of_value(rows.to_dict("records"))


def accept_stale(config: TrainConfig, candidate: Path, *, kept: Path, inputs: Path) -> str | None:
    """Return why a stored classifier can be used although the kept photos have changed; None if it can't."""
    try:
        lineage = read_json(LINEAGE.path(candidate), dict[str, Any])
        trained_on = set(TRAINED_ON.read(candidate)["photo"])
    except (OSError, ValueError):  # damaged; the store reports that elsewhere
        return None
    if lineage.get(PHOTOS_KEY) != photos_digest(kept, inputs) or trained_on & held_out(kept):
        return None
    earlier = trained_on.difference(trained_and_validated(kept)[0]["photo"])
    if earlier and lineage.get("memory") != memory_of(kept):  # nothing knows whether these resemble a test photo
        return None
    return "no train or validation photo has changed"
