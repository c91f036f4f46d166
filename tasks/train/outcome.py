"""What a training writes besides its lineage: the classifier, how it was chosen, and what judges it later."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.headline import HeadlineMetric
from tasks.store.atomic import write_json
from tasks.tables.shared import HISTORY
from tasks.tables.train import BASELINE, CLASSIFIER, LABEL_ISSUES, LABELS, RECIPE, VALIDATION
from tasks.train import label_issues
from tasks.train.auto import Trials
from tasks.train.choice import Judged
from tasks.train.training_set import TrainingSet
from tasks.train.trial import Trial

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Outcome:
    """The outcome of a training."""

    data: TrainingSet
    trials: Trials
    judged: Sequence[Judged]
    chosen: Trial
    metric: HeadlineMetric
    refitted: bool
    """Whether the chosen recipe has learned again from train and validation photos."""
    arrays: Sequence[NDArray[Any]]
    """The weights of the chosen recipe, as it has learned last."""

    def write(self, out: Path, classifier: "keras.Model") -> None:
        """Write the classifier, and the files that describe and judge it, into the folder of the artifact."""
        classifier.save(CLASSIFIER.path(out))
        for file, value in ((LABELS, self.data.labels), (HISTORY, self.chosen.details.get("history", {}))):
            file.path(out).write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
        write_json(RECIPE.path(out), self._described())
        photos = self.data.val.rows["photo"].to_numpy(dtype=np.str_)
        np.savez(VALIDATION.path(out), allow_pickle=False, photos=photos, logits=self.chosen.logits)
        if baseline := self.trials.baseline:
            kernel, bias = self._baseline_arrays(baseline)
            np.savez(BASELINE.path(out), allow_pickle=False, kernel=kernel, bias=bias)
        LABEL_ISSUES.write(label_issues.find(self.data), out)

    def _baseline_arrays(self, baseline: Trial) -> Sequence[NDArray[Any]]:
        """Return the baseline's weights; it has learned from the same photos as the classifier, for a fair comparison.

        Where the chosen recipe is the baseline, it isn't learned once more.
        """
        recipe = self.trials.recipes[baseline.name]
        if self.trials.recipes[self.chosen.name] is recipe:
            return self.arrays
        return recipe.again(baseline, self.data.together()) if self.refitted else baseline.arrays

    def _described(self) -> dict[str, Any]:
        """Return the content of recipe.json."""
        tried = [
            {
                "name": each.trial.name,
                "score": _number(each.score),
                "seconds": round(each.trial.seconds, 1),
                "difference": _number(each.difference),
                "standard_error": _number(each.standard_error),
                "chosen": each.trial is self.chosen,
                "skipped": None,
            }
            for each in self.judged
        ]
        tried += [{"name": name, "chosen": False, "skipped": why} for name, why in self.trials.skipped.items()]
        recipe = self.trials.recipes[self.chosen.name]
        return {
            "metric": self.metric,
            "chosen": self.chosen.name,
            "recipe": recipe.name,
            "frozen": recipe.is_frozen,
            "inputs": "codes" if recipe.takes_codes else "tiles",
            "infer_from": self.chosen.infer_from,
            "refitted": self.refitted,
            "candidates": tried,
        }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 6)
