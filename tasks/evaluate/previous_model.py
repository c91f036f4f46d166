"""The previous model: the one that is used until now, or else the newest, compared on the test photos of both.

Its predictions are read from its own evaluation. They were made before it could have been trained on these photos, so
the model isn't run again.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import metrics, summary
from tasks.inference.predictions import scored_predictions
from tasks.store.manifest import Artifact
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

_COMMON = 0.5
"""Share of the current test photos that the previous model must have predicted as test photos, too."""
OF_ABLATION = "ablation"
"""The external input of the evaluations of `fluke ablate`: none of its classifiers was ever a model."""


@dataclass(frozen=True)
class PreviousModel:
    """An earlier evaluation of another classifier."""

    key: str
    """The key of its evaluation."""
    made_at: datetime
    predictions: "pd.DataFrame"
    """Its predictions for the common test photos: columns of predictions.parquet, and the current group."""


def find_previous(
    root: Path, version: int, classifier: str, test: "pd.DataFrame", champion: Artifact | None = None
) -> PreviousModel | None:
    """Find the evaluation of another classifier with at least half of the current test photos: the champion's.

    If the champion has no such evaluation, it is the newest one, by the numbers of the manifests and not by the clock.
    Photos whose class has changed since then are left out.

    Args:
        root: The data folder.
        version: The version of the evaluate stage. Evaluations of other versions are skipped.
        classifier: Digest of the current classifier.
        test: The current test photos, with the columns photo, label and group.
        champion: The evaluation of the model that is used now, if there is one.
    """
    store = Store(root)
    for manifest in sorted(store.manifests("evaluate"), key=lambda manifest: manifest.artifact != champion):
        if manifest.cache_key.version != version or OF_ABLATION in manifest.cache_key.external_inputs:
            continue
        if manifest.cache_key.parents["classifier"].digest == classifier:
            continue
        try:
            theirs = tables.PREDICTIONS.read(store.folder(manifest.artifact))
        except (OSError, ValueError):  # it has just been pruned, or is damaged
            continue
        common = theirs[theirs["split"] == "test"].merge(test[["photo", "label", "group"]], on=["photo", "label"])
        common = common.drop_duplicates(["photo", "label"])
        if len(common) >= _COMMON * len(test):
            return PreviousModel(manifest.artifact.key, manifest.made_at, common)
    return None


def compare_with(previous: PreviousModel, predictions: "pd.DataFrame", config: EvaluateConfig) -> dict[str, Any]:
    """Compare the current classifier with the previous model on the common photos.

    Args:
        previous: The previous model.
        predictions: The current predictions of the test photos, with the columns of predictions.parquet.
        config: The section of the evaluate stage.

    Returns:
        The part `champion` of metrics.json: scores of the current classifier, with paired differences, but without
        verdicts.
    """
    theirs = previous.predictions
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
        "key": previous.key,
        "made_at": f"{previous.made_at:%Y-%m-%d %H:%M}",
        "photos": len(ours),
        "groups": theirs["group"].nunique(),
        "scores": summary.scores(compared),
    }
