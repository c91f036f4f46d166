"""The champion, the model that is used until now, compared with the current classifier on the test photos of both.

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
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

_COMMON = 0.5
"""Share of the current test photos that the champion must have predicted as test photos, too."""


@dataclass(frozen=True)
class Champion:
    """The evaluation of the champion."""

    key: str
    """The key of its evaluation."""
    made_at: datetime
    predictions: "pd.DataFrame"
    """Its predictions for the common test photos: columns of predictions.parquet, and the current group."""


def find_champion(
    root: Path, version: int, classifier: str, test: "pd.DataFrame", champion: Artifact | None
) -> Champion | None:
    """Read the champion's evaluation, if it can be compared; photos whose class has changed since are left out.

    Args:
        root: The data folder.
        version: The version of the evaluate stage. An evaluation of another version isn't compared.
        classifier: Digest of the current classifier. The champion's must be another one.
        test: The current test photos, with the columns photo, label and group.
        champion: The evaluation of the champion; None: there is no champion.

    Returns:
        None also if it has less than half of the current test photos, has been pruned, or is damaged.
    """
    if champion is None:
        return None
    folder = Store(root).folder(champion)
    try:
        manifest, theirs = Manifest.read(folder), tables.evaluate.PREDICTIONS.read(folder)
    except (OSError, ValueError):
        return None
    made = manifest.cache_key
    if manifest.artifact != champion or made.version != version or made.parents["classifier"].digest == classifier:
        return None
    common = theirs[theirs["split"] == "test"].merge(test[["photo", "label", "group"]], on=["photo", "label"])
    common = common.drop_duplicates(["photo", "label"])
    return Champion(champion.key, manifest.made_at, common) if len(common) >= _COMMON * len(test) else None


def compare_with(champion: Champion, predictions: "pd.DataFrame", config: EvaluateConfig) -> dict[str, Any]:
    """Compare the current classifier with the champion on the common photos.

    Args:
        champion: The champion.
        predictions: The current predictions of the test photos, with the columns of predictions.parquet.
        config: The section of the evaluate stage.

    Returns:
        The part `champion` of metrics.json: scores of the current classifier, with paired differences, but without
        verdicts.
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
        "groups": theirs["group"].nunique(),
        "scores": summary.scores(compared),
    }
