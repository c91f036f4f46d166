"""What an ablation says of its arms: sentences, and the texts of its tables."""

from collections.abc import Iterator, Sequence

from flows.ablate.comparison import Row
from flows.ablate.plan import Size
from tasks.evaluate.metrics import Estimate
from tasks.text import SPACE, duration

POINTS = 100
"""Points of a score of 1."""
_SAME_COST = 0.1
"""Smaller differences of cost, as a share of the first arm's, aren't worth a word."""
_SAME_S = 1.0


def sentence(row: Row, first: Row) -> str:
    """Say what an arm gains or loses, and for how much time: `no measurable gain: +0.3 points, -1.1 to 1.8 ...`."""
    assert row.difference is not None
    where = "" if row.size == "all" else f" with {size_text(row.size)}"
    return f"{row.arm}{where}: {_result(row.difference, row)}, {cost_text(row.seconds - first.seconds, first.seconds)}"


def _result(found: Estimate, row: Row) -> str:
    numbers = f"{points(found.value)} points, {interval(found)}"
    if row.is_measured:
        return f"{'a gain' if found.value > 0 else 'a loss'}: {numbers}"
    if not found.low <= 0 <= found.high:
        return f"no measurable difference among so many comparisons: {numbers} (corrected p = {row.p_value:.2g})"
    is_loss = points(found.value).startswith("-")  # a difference of -0.0003 is shown as 0.0
    return f"no measurable {'loss' if is_loss else 'gain'}: {numbers}"


def cost_text(more_s: float, of_s: float) -> str:
    """Say what a training costs more than one of the first arm: `for 14 more minutes`."""
    if abs(more_s) < max(_SAME_S, _SAME_COST * of_s):
        return "for about the same time"
    size = abs(more_s)
    count, unit = (size / 60, "minute") if size >= 90 else (size, "second")
    number = f"{count:.0f}" if count >= 9.5 else f"{count:.1f}"
    return f"for {number} {'more' if more_s > 0 else 'fewer'} {unit}s"


def points(share: float) -> str:
    """Format a difference of scores in 0..1 as points with a sign: 0.003 -> +0.3."""
    rounded = round(POINTS * share, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def interval(found: Estimate) -> str:
    """Format an interval as points: -1.1 to 1.8."""
    low, high = (round(POINTS * value, 1) or 0.0 for value in (found.low, found.high))
    return f"{low:.1f} to {high:.1f}"


def size_text(size: Size) -> str:
    """Return a number of train photos: `20 train photos a class`."""
    return "all train photos" if size == "all" else f"{size:,} train photo{'' if size == 1 else 's'} a class"


def metric_text(metric: str) -> str:
    """Return the name of a metric for people."""
    return {"map_at_5": "mAP@5", "macro_f1": "macro F1"}.get(metric, metric.replace("_", " "))


def columns(rows: Sequence[Row], metric: str) -> list[str]:
    """Return the head of the table of results."""
    seeds = [f"seed {i}" for i in range(len(rows[0].by_seed))]
    sizes = ["a class"] if _has_sizes(rows) else []
    return ["arm", *sizes, *seeds, f"{metric_text(metric)}, %", "difference", "p (Holm)", "time", "device"]


def cells(row: Row, rows: Sequence[Row]) -> list[str]:
    """Return an arm's line in the table of results."""
    difference = "first arm"
    if row.difference:
        found = row.difference
        difference = f"{points(found.value)} ({interval(found)})"
    return [
        row.arm,
        *([str(row.size)] if _has_sizes(rows) else []),
        *(f"{POINTS * score:.1f}" for score in row.by_seed),
        f"{POINTS * row.score.value:.1f} ({interval(row.score)})",
        difference,
        _p_text(row.p_value),
        duration(row.seconds).replace(SPACE, " "),
        duration(row.device_seconds).replace(SPACE, " "),
    ]


def _p_text(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def sentences(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each arm but the first, by number of photos."""
    for row in rows:
        if row.difference:
            yield sentence(row, next(each for each in rows if each.size == row.size and each.difference is None))


def agreeing(rows: Sequence[Row]) -> list[str]:
    """Name the arms in which all seeds give the same answers, whatever the number of photos."""
    arms = dict.fromkeys(row.arm for row in rows)
    return [arm for arm in arms if all(row.seeds_agree for row in rows if row.arm == arm)]


def _has_sizes(rows: Sequence[Row]) -> bool:
    return any(row.size != "all" for row in rows)
