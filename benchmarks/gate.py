"""How often the gate is wrong: simulated pairs of models, and nights in a row.

    python -m benchmarks.gate

A model is right about a photo if its skill exceeds the photo's difficulty. What two trainings share of a photo's
difficulty is set so that two equally good models differ in being right on some 7 % of the photos, as retrainings with
another seed or some new photos do. Photos come in groups of near duplicates, which share a part of their difficulty.

The intervals are those of the percentile bootstrap of `tasks.evaluate.metrics`, computed for all photos at once.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from configs.schema import PromoteConfig
from flows.models.differences import Differences, class_changes
from flows.models.gate import rule
from tasks.evaluate.metrics import Estimate
from tasks.inference.arrays import ScoredPredictions

Floats = NDArray[np.float64]
Rule = Callable[[Differences], str]

_ACCURACY = 0.9
_CLASSES = 6
_SHARED, _BY_GROUP = 0.86, 0.5
"""Share of a photo's difficulty that two trainings have in common, and of that the part of its group."""
_RESAMPLES = 1000
_NIGHTS, _SEQUENCES = 30, 400


def main() -> None:
    """Print two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    pairs = parser.parse_args().pairs
    random = np.random.default_rng(0)
    print("| test photos | the new model is | differ on | rule | promoted | undecided | refused |")
    print("|---|---|---|---|---|---|---|")
    for photos in (200, 2000):
        for text, change in (("equal", 0.0), ("2 points worse", -0.02), ("2 points better", 0.02)):
            found, differing = zip(*(_pair(random, photos, change) for _ in range(pairs)), strict=True)
            for name, decide in _RULES.items():
                shares = Counter(decide(each) for each in found)
                row = " | ".join(f"{shares[key] / pairs:.1%}" for key in ("promoted", "undecided", "refused"))
                print(f"| {photos:,} | {text} | {np.mean(differing):.1%} | {name} | {row} |")
            sys.stdout.flush()
    print(
        "\n| test photos | challengers | margin counts | promotions | champion against the first, points: mean, worst |"
    )
    print("|---|---|---|---|---|")
    for photos in (200, 2000):
        for text, slide in (("all equal", 0.0), ("0.3 points worse each night", -0.003)):
            for counted, limited in (("each night anew", False), ("from the best on", True)):
                promotions, changes = _nights(random, photos, slide, limited=limited)
                print(
                    f"| {photos:,} | {text} | {counted} | {promotions.mean():.1f} | "
                    f"{100 * changes.mean():+.1f}, {100 * changes.min():+.1f} |"
                )


def _gate(found: Differences) -> str:
    return rule(found, PromoteConfig()).outcome


def _only_proven(found: Differences) -> str:
    """Promote only what is shown not to be worse by the margin."""
    return "promoted" if found.difference.low >= -PromoteConfig().margin else "refused"


def _unless_refuted(found: Differences) -> str:
    """Promote all that isn't shown to be worse by the margin."""
    return "promoted" if found.difference.high >= -PromoteConfig().margin else "refused"


_RULES: dict[str, Rule] = {
    "the gate": _gate,
    "promote only what is proven": _only_proven,
    "refuse only what is proven": _unless_refuted,
}


def _difficulties(random: np.random.Generator, groups: NDArray[np.int64], trainings: int) -> Floats:
    """Draw the difficulty of each photo for each training, `(trainings, n)`, standard normal."""
    shape = len(groups)
    of_group = random.standard_normal(groups.max() + 1)[groups]
    common = np.sqrt(_BY_GROUP) * of_group + np.sqrt(1 - _BY_GROUP) * random.standard_normal(shape)
    own = random.standard_normal((trainings, shape))
    return np.asarray(np.sqrt(_SHARED) * common + np.sqrt(1 - _SHARED) * own)


def _groups(random: np.random.Generator, photos: int) -> NDArray[np.int64]:
    """Deal photos into groups, 3 of 4 photos alone or with one other."""
    return np.cumsum(random.random(photos) < 0.75).astype(np.int64)


def _is_right(difficulty: Floats, accuracy: Any) -> NDArray[np.bool_]:
    return np.asarray(difficulty < norm.ppf(accuracy))


def _pair(random: np.random.Generator, photos: int, change: float) -> tuple[Differences, float]:
    """Draw a champion and a challenger; returns their differences, and the share of photos on which they differ."""
    groups = _groups(random, photos)
    difficulties = _difficulties(random, groups, 2)
    truth = random.integers(_CLASSES, size=photos)
    right = [_is_right(each, skill) for each, skill in zip(difficulties, (_ACCURACY, _ACCURACY + change), strict=True)]
    champion, challenger = (_answers(truth, each) for each in right)
    gain = right[1].astype(float) - right[0]
    numbers = np.unique(groups, return_inverse=True)[1]
    size, gains = np.bincount(numbers).astype(float), np.bincount(numbers, gain)
    drawn = random.integers(len(size), size=(_RESAMPLES, len(size)), dtype=np.int32)
    low, high = np.quantile(gains[drawn].sum(axis=1) / size[drawn].sum(axis=1), [0.025, 0.975])
    difference = Estimate(float(gain.mean()), float(low), float(high))
    score = float(right[1].mean())
    changes = tuple(class_changes(challenger, champion, groups, [str(i) for i in range(_CLASSES)]))
    found = Differences(
        "accuracy",
        photos,
        len(size),
        float(right[0].mean()),
        Estimate(score, score, score),
        difference,
        None,
        changes,
    )
    return found, float((right[0] != right[1]).mean())


def _answers(truth: NDArray[np.int64], right: NDArray[np.bool_]) -> ScoredPredictions:
    predicted = np.where(right, truth, (truth + 1) % _CLASSES)
    return ScoredPredictions(truth, predicted, np.where(right, 1, 2), np.zeros(len(truth)), _CLASSES)


def _nights(random: np.random.Generator, photos: int, slide: float, *, limited: bool) -> tuple[Floats, Floats]:
    """Let a challenger come each night; returns promotions, and the last champion's skill minus the first's.

    Only the measured difference promotes, so no interval is needed.

    Args:
        random: The random numbers.
        photos: Photos on the list.
        slide: Change of the challengers' true accuracy from night to night.
        limited: Whether the margin is counted from the best champion on.
    """
    margin = PromoteConfig().margin
    promotions, changes = np.zeros(_SEQUENCES), np.zeros(_SEQUENCES)
    for sequence in range(_SEQUENCES):
        skills = _ACCURACY + slide * np.arange(_NIGHTS + 1)
        right = _is_right(_difficulties(random, _groups(random, photos), _NIGHTS + 1), skills[:, None])
        scores = right.mean(axis=1)
        champion, below_best = 0, 0.0
        for night in range(1, _NIGHTS + 1):
            difference = scores[night] - scores[champion]
            if difference >= (below_best if limited else 0.0) - margin:
                below_best = max(0.0, below_best - difference)
                champion = night
                promotions[sequence] += 1
        changes[sequence] = skills[champion] - skills[0]
    return promotions, changes


if __name__ == "__main__":
    main()
