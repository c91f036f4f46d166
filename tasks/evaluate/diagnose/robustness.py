"""Accuracy on photos that are blurred, compressed, noisy or shifted."""

from pathlib import Path
from typing import Any

import numpy as np

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.diagnose.corruptions import corruptions
from tasks.evaluate.diagnose.means import grouped_means
from tasks.evaluate.eval_set import EvalSet, rows_of
from tasks.evaluate.model import Model
from tasks.evaluate.summary import estimate
from tasks.inference.arrays import Floats
from tasks.inference.decision import DecisionRule
from tasks.store.progress import Progress


def measure_robustness(
    config: EvaluateConfig, model: Model, eval_set: EvalSet, evaluation: Path, progress: Progress
) -> dict[str, Any]:
    """Predict corrupted test photos, and compare the accuracy with that on the same photos as they are.

    Args:
        config: The section of the evaluate stage; `robustness` is the number of photos, 1 or more.
        model: The classifier and what it needs.
        eval_set: The evaluation set.
        evaluation: The folder with the decision rule.
        progress: Reports the number of finished photos.

    Returns:
        The part `robustness` of diagnostics.json: photos, the accuracy on them as they are (`unchanged`), and a row for
        each corruption: its name, its strength, the accuracy, and its difference from that on the photos as they are.
    """
    from tasks.inference.predictor import Predictor  # imports Keras

    rule = DecisionRule.read(evaluation)
    test = np.flatnonzero(eval_set.of("test"))
    chosen = np.sort(test[np.argsort(eval_set.rows["photo"].to_numpy()[test])][: config.robustness])
    rows = eval_set.rows.iloc[chosen]
    tiles = rows_of(model.tiles, rows["photo"], model.root)[:]
    changes = corruptions(config.seed)
    total = len(tiles) * (1 + len(changes))
    predictor = Predictor(
        tables.train.CLASSIFIER.path(model.classifier),
        tables.pretrain.ENCODER.path(model.encoder) if model.takes_codes else None,
        tables.evaluate.REFERENCES.path(evaluation) if rule.nearest else None,
        rule,
        total,
    )

    def right(changed: Any) -> Floats:
        probabilities = predictor.probabilities(predictor.inputs(changed))
        return np.asarray(probabilities.argmax(axis=1) == eval_set.truth[chosen], np.float64)

    with progress("photos, as they are and corrupted", total=total) as advance:
        found = []
        for change in [None, *changes]:
            found.append(right(tiles if change is None else change.apply(tiles)))
            advance(len(tiles))
    values, groups = np.stack(found), rows["group"].to_numpy()
    drawn = {"resamples": config.bootstrap, "seed": config.seed}
    unchanged, *changed = grouped_means(values, groups, **drawn)
    differences = grouped_means(values[1:] - values[0], groups, least=-1, **drawn)
    return {
        "photos": len(tiles),
        "unchanged": estimate(unchanged),
        "rows": [
            {
                "name": change.name,
                "strength": change.strength,
                "accuracy": estimate(accuracy),
                "difference": estimate(difference),
            }
            for change, accuracy, difference in zip(changes, changed, differences, strict=True)
        ],
    }
