"""The model to beat: the last one that was evaluated before, compared on the test photos that both have answered.

Its answers are those that its own evaluation kept: it had not trained on those photos then, and isn't run again.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.schema import EvaluateConfig
from tasks.evaluate import metrics, summary
from tasks.inference.predictions import scored_predictions
from tasks.store.store import Store
from tasks.tables import PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd

_COMMON = 0.5
"""Share of today's test photos that the champion must have answered, too."""


@dataclass(frozen=True)
class PreviousModel:
    """An earlier evaluation of another classifier."""

    key: str
    made_at: datetime
    predictions: "pd.DataFrame"
    """Of the test photos that are compared; columns as in predictions.parquet, and today's group."""


def find(root: Path, version: int, classifier: str, test: "pd.DataFrame") -> PreviousModel | None:
    """The newest evaluation of another classifier that has answered half of today's test photos or more.

    version: of the evaluate stage; older ones kept too little. classifier: digest of today's. test: columns photo,
    label and group of today's test photos. Photos whose class is another one now are left out.
    """
    store = Store(root)
    for manifest in store.manifests("evaluate"):
        if manifest.cache_key.version != version or manifest.cache_key.parents["classifier"].digest == classifier:
            continue
        folder = store.folder(manifest.artifact)
        try:
            theirs = PREDICTIONS.read(folder)
        except (OSError, ValueError):  # it has just been pruned, or is damaged
            continue
        common = theirs[theirs["split"] == "test"].merge(test[["photo", "label", "group"]], on=["photo", "label"])
        common = common.drop_duplicates(["photo", "label"])
        if len(common) >= _COMMON * len(test):
            return PreviousModel(manifest.artifact.key, manifest.made_at, common)
    return None


def measure(champion: PreviousModel, predictions: "pd.DataFrame", config: EvaluateConfig) -> dict[str, Any]:
    """Today's classifier against it, as plain JSON: scores on the common photos, each with a paired difference.

    predictions: of today's test photos, as in predictions.parquet.
    """
    theirs = champion.predictions
    ours = theirs[["photo", "label"]].merge(predictions.drop_duplicates(["photo", "label"]), on=["photo", "label"])
    names = sorted({*theirs["label"], *theirs["predicted"], *ours["predicted"]})
    answers, others = (scored_predictions(each, theirs["label"].tolist(), names) for each in (ours, theirs))
    compared = metrics.compare(
        answers,
        {"champion": others},
        theirs["group"].to_numpy(),
        top_k=config.top_k,
        resamples=config.bootstrap,
        seed=config.seed,
    )
    return {
        "key": champion.key,
        "made_at": f"{champion.made_at:%Y-%m-%d %H:%M}",
        "photos": len(ours),
        "scores": summary.scores(compared),
    }
