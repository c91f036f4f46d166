"""The gate: whether a new model (the challenger) replaces the one in use (the champion). docs/gate.md has the reasons.

The challenger is

- refused if it is shown to be worse: its headline metric is lower by more than `promote.margin` and the whole 95 %
  interval of the difference is below 0; or a class with enough listed photos loses more than `promote.max_class_drop`
  of its recall, and more than chance explains; or it isn't better than the baselines;
- promoted if its headline metric isn't lower by more than the margin, as measured on the list;
- undecided otherwise: it is lower by more than the margin, but that may be chance.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from configs.schema import PromoteConfig
from flows.models.differences import ClassChange, Differences
from tasks.evaluate.metrics import Estimate
from tasks.evaluate.names import BASELINES, SCORES
from tasks.evaluate.significance import SAME, holm
from tasks.evaluate.verdicts import LEAST_GROUPS
from tasks.text import is_percentage, percent

LEAST_CLASS_GROUPS = 10
"""A class with fewer groups of listed photos doesn't count alone: one photo would be more than 10 % of its recall."""
_ERROR = 0.05
"""Probability that the classes, or the baselines, refuse a challenger that isn't worse."""
_SHOWN_CLASSES = 3


@dataclass(frozen=True)
class Ruling:
    """What the gate has decided."""

    outcome: Literal["promoted", "refused", "undecided"]
    reason: str
    """The most important reason: one sentence without its full stop, with numbers."""
    also: tuple[str, ...] = ()
    """Other reasons for the same outcome."""


def rule(
    found: Differences, settings: PromoteConfig, measured: Mapping[str, Any] | None = None, below_best: float = 0.0
) -> Ruling:
    """Decide whether the challenger replaces the champion.

    Args:
        found: How both answer the listed photos.
        settings: The section `promote`.
        measured: The content of the challenger's metrics.json, for its baselines; None: they aren't asked.
        below_best: How much lower the champion's headline metric already is than that of the best champion before it,
            0 or more. Else a margin for each night would add up.
    """
    refusals = [*_headline_refusal(found, settings), *_class_refusal(found.classes, settings.max_class_drop)]
    doubts = [*_headline_doubt(found, settings, below_best)]
    if measured is not None and settings.beat_baselines:
        against_baselines = [*_baselines(measured)]
        refusals += [text for is_refusal, text in against_baselines if is_refusal]
        doubts += [text for is_refusal, text in against_baselines if not is_refusal]
    if refusals:
        return Ruling("refused", refusals[0], tuple(refusals[1:]))
    if doubts:
        return Ruling("undecided", doubts[0], tuple(doubts[1:]))
    return Ruling("promoted", headline_text(found))


def headline_text(found: Differences) -> str:
    """Say how the headline metric differs: `accuracy is 1.2 points higher (-0.3 to 2.7) on 300 listed photos`."""
    return f"{_change_text(found.metric, found.difference)} on {found.photos:,} listed photos"


def _headline_refusal(found: Differences, settings: PromoteConfig) -> Iterator[str]:
    if found.groups < LEAST_GROUPS:
        return
    if _is_worse(found.difference, settings.margin):
        yield headline_text(found)
    elif found.settled and _is_worse(found.settled, settings.margin):
        yield f"{_change_text(found.metric, found.settled)} on the photos that were listed before this run"


def _is_worse(difference: Estimate, margin: float) -> bool:
    return _is_below(difference, -margin) and difference.high < 0


def _is_below(difference: Estimate, limit: float) -> bool:
    """Whether a difference is below a limit, and not by a rounding error: two of a hundred photos are -0.02 exactly."""
    return difference.value < limit - SAME


def _headline_doubt(found: Differences, settings: PromoteConfig, below_best: float) -> Iterator[str]:
    if found.groups < LEAST_GROUPS:
        what = "groups of listed photos" if found.groups < found.photos else "listed photos"
        yield f"{found.groups:,} {what} are too few to tell (at least {LEAST_GROUPS})"
        return
    allowed = f"promote.margin={settings.margin:g}"
    if _is_below(found.difference, -settings.margin):
        yield f"{headline_text(found)}, which may be chance, but it is more than {allowed} allows"
    elif found.settled and _is_below(found.settled, -settings.margin):
        text = _change_text(found.metric, found.settled)
        yield f"{text} on the photos that were listed before this run, which may be chance, but exceeds {allowed}"
    elif _is_below(found.difference, below_best - settings.margin):
        lower = _size_text(found.metric, below_best)
        yield (
            f"{headline_text(found)}, but the champion is already {lower} below the best model before it, and {allowed}"
            " is for both together"
        )


def _class_refusal(classes: tuple[ClassChange, ...], largest_drop: float) -> Iterator[str]:
    """Name the classes that lose too much. Holm's method corrects for their number, see `holm`."""
    counted = [each for each in classes if each.groups >= LEAST_CLASS_GROUPS]
    corrected = holm([each.p_value for each in counted])
    worse = [
        each
        for each, p_value in zip(counted, corrected, strict=True)
        if p_value <= _ERROR and each.loss > largest_drop + SAME
    ]
    if worse:
        worse.sort(key=lambda each: (-each.loss, each.label))
        texts = [
            f"{each.label} from {percent(each.champion)} to {percent(each.challenger)} of {each.photos:,} photos"
            for each in worse[:_SHOWN_CLASSES]
        ]
        more = f" and {len(worse) - _SHOWN_CLASSES} more classes" if len(worse) > _SHOWN_CLASSES else ""
        yield (
            f"recall falls by more than promote.max_class_drop={largest_drop:g} and more than chance explains: "
            f"{', '.join(texts)}{more}"
        )


def _baselines(measured: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield what speaks against the challenger in its own evaluation: (whether that refuses it, the text).

    It must be better than the majority class, and not worse than the others. Both are one decision each, so the
    p-values are corrected for the baselines of this metric only, not for all scores of the report.
    """
    metric, test = str(measured["headline"]), measured["test"]
    against = test["scores"][metric]["against"]
    if test["groups"] < LEAST_GROUPS:
        yield False, f"its {test['groups']:,} groups of test photos are too few to compare it with the baselines"
        return
    where = f"on its {measured['photos']['test']:,} test photos"
    majority = against["commonest"]
    if majority["p_value"] > _ERROR or majority["difference"]["low"] <= 0:
        change = _change_text(metric, _estimate(majority["difference"]))
        yield True, f"not better than the majority class: {change} {where}"
    others = [name for name in ("nearest", "logistic") if name in against]
    for name, p_value in zip(others, holm([against[name]["p_value"] for name in others]), strict=True):
        difference = _estimate(against[name]["difference"])
        if p_value <= _ERROR and difference.high < 0:
            change = _change_text(metric, difference)
            yield True, f"worse than the baseline {BASELINES[name]}: {change} {where}"


def _estimate(difference: Mapping[str, float]) -> Estimate:
    return Estimate(difference["value"], difference["low"], difference["high"])


def _change_text(metric: str, change: Estimate) -> str:
    factor, digits = (100, 1) if is_percentage(metric) else (1, 3)
    low, high = (f"{factor * bound:.{digits}f}" for bound in (change.low, change.high))
    if round(abs(factor * change.value), digits) == 0:
        return f"{SCORES[metric][0]} is the same ({low} to {high})"
    direction = "higher" if change.value > 0 else "lower"
    return f"{SCORES[metric][0]} is {_size_text(metric, abs(change.value))} {direction} ({low} to {high})"


def _size_text(metric: str, size: float) -> str:
    return f"{100 * size:.1f} points" if is_percentage(metric) else f"{size:.3f}"
