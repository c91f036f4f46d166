"""How differently the arms of an ablation answer: paired over photos and seeds, against the first arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from flows.ablate.plan import Cell, Plan, Size
from flows.ablate.trainings import Trained
from tasks.evaluate import metrics
from tasks.evaluate.metrics import Estimate
from tasks.evaluate.significance import holm
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.predictions import scored_predictions
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_TOP_K = 5
SIGNIFICANT = 0.05
"""Largest p-value, corrected for the number of comparisons, of a difference that counts as measured."""


@dataclass(frozen=True)
class Row:
    """One arm with one number of train photos, over all seeds."""

    arm: str
    size: Size
    by_seed: tuple[float, ...]
    """The score of each seed."""
    score: Estimate
    """The score of all answers together, with its 95 % interval over groups of near duplicates and seeds."""
    difference: Estimate | None
    """This arm minus the first one, on the same photos, seeds and resamples; None for the first arm."""
    p_value: float | None
    """Two-sided, corrected by Holm's method for the number of comparisons."""
    seconds: float
    """Mean seconds of wall clock of a training with all its stages after the filter."""
    device_seconds: float
    """Mean seconds of the stages that compute with networks, times the devices that they used."""
    stages: Mapping[str, float]
    """Mean seconds of wall clock of each stage."""
    seeds_agree: bool
    """Whether all seeds give the same answers, because nothing in the training is random."""

    @property
    def is_measured(self) -> bool:
        """Whether the difference is larger than chance explains: by its interval, and by its p-value."""
        if self.difference is None or self.p_value is None:
            return False
        return self.p_value <= SIGNIFICANT and not self.difference.low <= 0 <= self.difference.high


def compare(plan: Plan, done: Mapping[str, Trained], *, resamples: int = 1000) -> tuple[str, list[Row]]:
    """Compare the arms that have been trained with all seeds.

    Args:
        plan: The arms, seeds and numbers of train photos.
        done: The finished trainings, by their titles.
        resamples: Number of resamples of the bootstrap, and of random exchanges.

    Returns:
        The metric, which is the headline metric of the first arm with the most train photos; and a row for each number
        of photos and arm.
    """
    metric = [each.metric for each in done.values() if each.cell.arm.name == plan.first.name][-1]
    rows = []
    for size in plan.sizes:
        groups = [
            [done[title] for seed in range(plan.seeds) if (title := Cell(arm, seed, size).title) in done]
            for arm in plan.arms
        ]
        whole = [trained for trained in groups if len(trained) == plan.seeds]
        rows += _rows(size, metric, whole, resamples)
    compared = [i for i, row in enumerate(rows) if row.p_value is not None]
    corrected = holm([rows[i].p_value or 0.0 for i in compared])
    for i, p_value in zip(compared, corrected.tolist(), strict=True):
        rows[i] = replace(rows[i], p_value=p_value)
    return metric, rows


def _rows(size: Size, metric: str, by_arm: Sequence[Sequence[Trained]], resamples: int) -> list[Row]:
    first = by_arm[0]
    shown = first[0].answers
    names = sorted({name for trained in by_arm for each in trained for name in _names(each.answers)})
    trainings = np.repeat(np.arange(len(first)), len(shown))
    groups = np.tile(shown["group"].to_numpy(), len(first))
    options = {"top_k": _TOP_K, "resamples": resamples, "seed": 0}
    baseline = _together(first, shown, names)
    rows = []
    for trained in by_arm:
        others = {} if trained is first else {"first": baseline}
        found = metrics.compare(_together(trained, shown, names), others, groups, trainings, **options)[metric]
        against = found.against.get("first")
        rows.append(
            Row(
                trained[0].cell.arm.name,
                size,
                tuple(each.scores[metric] for each in trained),
                found.classifier,
                against.difference if against else None,
                against.p_value if against else None,
                fmean(each.seconds for each in trained),
                fmean(each.device_seconds for each in trained),
                {name: fmean(each.costs[name].seconds for each in trained) for name in trained[0].costs},
                all(_same_answers(each, trained[0]) for each in trained[1:]) and len(trained) > 1,
            )
        )
    return rows


def _together(trained: Sequence[Trained], shown: "pd.DataFrame", names: Sequence[str]) -> ScoredPredictions:
    """Put the answers of all seeds one after the other.

    Args:
        trained: The trainings of one arm.
        shown: The answers of the first arm: the photos and their true classes.
        names: The names of the classes.

    Raises:
        UserError: The answers are to other photos.
    """
    import pandas as pd

    for each in trained:
        if each.answers["photo"].tolist() != shown["photo"].tolist():
            raise UserError(
                f"{each.cell.title}: its test photos are not those of the first arm, so that nothing can be compared; "
                "the data folder has changed meanwhile: start again"
            )
    answers = pd.concat([each.answers for each in trained], ignore_index=True)
    truth = pd.concat([shown["label"]] * len(trained), ignore_index=True)
    # An arm may give the unknown class another name: what is right by its own names stays right.
    right = answers["predicted"] == answers["label"]
    return scored_predictions(answers.assign(predicted=answers["predicted"].where(~right, truth)), list(truth), names)


def _same_answers(one: Trained, other: Trained) -> bool:
    columns = ["photo", "predicted", "loss"]
    return one.answers[columns].equals(other.answers[columns])


def _names(answers: "pd.DataFrame") -> set[str]:
    return {*answers["label"], *answers["predicted"]}
