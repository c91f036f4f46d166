"""The verdicts of an evaluation: whether the classifier is better than what it is compared with.

All verdicts of an evaluation follow one rule. Its p-values are corrected for the number of comparisons by the method of
Holm (1979, Scandinavian Journal of Statistics 6, 65-70): if nothing differs, an evaluation contains any wrong “better”
or “worse” with a probability of at most 5 %, however many scores and baselines it compares.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Literal

from tasks.evaluate.significance import holm
from tasks.inference.scores import LOWER_IS_BETTER

Verdict = Literal["better", "worse", "undecided", "too few"]

LEAST_GROUPS = 30
"""Comparisons on fewer groups of near duplicates get the verdict "too few". An interval of the accuracy on 30 photos is
up to 36 points wide, and the standard error of the comparison is itself uncertain by 13 % (1 / sqrt(2 * 29))."""
_ERROR = 0.05
"""Probability of any wrong verdict in an evaluation, if nothing differs."""


def set_verdicts(measured: MutableMapping[str, Any]) -> None:
    """Set the verdict of each comparison in the content of metrics.json.

    The comparisons with the baselines and with the champion are corrected together. Those of the test without and
    with the removed photos don't concern the classifier, and nothing else may depend on them, so they are corrected on
    their own. "better" and "worse" need a corrected p-value of at most 5 % and a 95 % interval of the difference that
    excludes 0.
    """
    test, removed = measured["test"], measured.get("removed")
    parts = [test, measured["champion"]] if "champion" in measured else [test]
    _decide(
        (part["groups"], name, compared)
        for part in parts
        for name, score in part["scores"].items()
        for compared in score["against"].values()
    )
    if removed:
        # Both numbers count: many removed photos tell nothing about a test of five.
        groups = min(test["groups"], removed["groups"])
        _decide((groups, name, compared) for name, compared in removed["scores"].items())


def _decide(comparisons: Iterable[tuple[int, str, dict[str, Any]]]) -> None:
    """Set the verdicts of some comparisons: number of groups, name of the score, and part of metrics.json."""
    enough = []
    for groups, name, compared in comparisons:
        if groups < LEAST_GROUPS:
            compared["verdict"] = "too few"
        else:
            enough.append((name, compared))
    corrected = holm([compared["p_value"] for _, compared in enough])
    for (name, compared), p_value in zip(enough, corrected, strict=True):
        compared["verdict"] = _verdict(name, compared["difference"], p_value)


def _verdict(name: str, difference: Mapping[str, float], p_value: float) -> Verdict:
    if p_value > _ERROR or difference["low"] <= 0 <= difference["high"]:
        return "undecided"
    return "better" if (difference["low"] > 0) != (name in LOWER_IS_BETTER) else "worse"
