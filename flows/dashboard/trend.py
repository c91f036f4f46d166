"""A picture of the nights of a model: its metric with the interval, photos, seconds by stage, and bytes."""

import html
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate

from configs.schema import STAGE_NAMES
from flows.dashboard.nights import Night
from tasks.text import score_text

_WIDTH, _PANEL, _GAP, _LEFT, _RIGHT = 760, 110, 46, 62, 12
_COLOURS = ("#4e79a7", "#f28e2b", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#e15759")
_GOOD, _OTHER, _BAD = "#2e7d32", "#757575", "#c62828"
_COLOUR_OF = {"promoted": _GOOD, "refused": _BAD}


def svg(shown: Sequence[Night]) -> str:
    """Draw the nights, oldest first, as an SVG picture: one panel below the other, with the same horizontal axis."""
    panels = [_metric(shown), _photos(shown), _seconds(shown), _megabytes(shown)]
    height = len(panels) * (_PANEL + _GAP) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#ffffff"/>'
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate(0 {number * (_PANEL + _GAP) + 24})">{panel}</g>')
    last = len(panels) * (_PANEL + _GAP) - 4
    days = [each.started_at.astimezone() for each in shown]
    is_daily = len({day.date() for day in days}) == len(days)
    edge = _WIDTH - (18 if is_daily else 34)
    parts += [
        f'<text x="{_short(min(_x(place, len(shown)), edge))}" y="{last}" text-anchor="middle" fill="#444">'
        f"{days[place]:{'%-d %b' if is_daily else '%-d %b %H:%M'}}</text>"
        for place in _labelled(len(shown))
    ]
    return "".join(parts) + "</svg>"


def _x(place: int, count: int) -> float:
    """The middle of a night, in pixels."""
    return _LEFT + (place + 0.5) * (_WIDTH - _LEFT - _RIGHT) / count


def _labelled(count: int) -> list[int]:
    """The nights whose dates are written: about eight, with the last one."""
    step = max(1, -(-count // 8))
    return list(range(count - 1, -1, -step))


def _short(number: float) -> str:
    """Write a position or a size to a tenth of a pixel: the picture of each run is stored by the server, twice."""
    return f"{number:.1f}".removesuffix(".0")


def _frame(
    title: str, top: float, bottom: float, label: Callable[[float], str], legend: Iterable[tuple[str, str]] = ()
) -> str:
    """Draw a panel's title, the names of its colours, and its axis."""
    names = "".join(f' <tspan fill="{colour}">{html.escape(name)}</tspan>' for name, colour in legend)
    lines = [f'<text x="{_LEFT}" y="-8" fill="#222" font-weight="bold">{html.escape(title)}{names}</text>']
    for share in (0.0, 0.5, 1.0):
        y = _PANEL * (1 - share)
        lines.append(
            f'<path d="M{_LEFT} {_short(y)}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{_short(y + 4)}" text-anchor="end" fill="#444">'
            f"{label(bottom + share * (top - bottom))}</text>"
        )
    return "".join(lines)


def _metric(shown: Sequence[Night]) -> str:
    known = [(place, each, each.score) for place, each in enumerate(shown) if each.score]
    metric = known[-1][2].metric if known else "metric"
    known = [each for each in known if each[2].metric == metric]
    low, high = (
        min((score.low for *_, score in known), default=0.0),
        max((score.high for *_, score in known), default=1),
    )
    if low == high:
        low, high = low - 0.01, high + 0.01

    def y(value: float) -> str:
        return _short(_PANEL * (high - value) / (high - low))

    intervals: dict[str, list[str]] = {}
    points = []
    for place, each, score in known:
        x, colour = _short(_x(place, len(shown))), _COLOUR_OF.get(each.outcome, _OTHER)
        intervals.setdefault(colour, []).append(f"M{x} {y(score.low)}V{y(score.high)}")
        points.append(f'<circle cx="{x}" cy="{y(score.value)}" r="4" fill="{colour}"/>')
    drawn = [f'<path stroke="{colour}" stroke-width="2" d="{"".join(parts)}"/>' for colour, parts in intervals.items()]
    failed = [
        f'<text x="{_short(_x(place, len(shown)))}" y="{_PANEL - 3}" text-anchor="middle" fill="{_BAD}">×</text>'
        for place, each in enumerate(shown)
        if each.outcome in ("failed", "died", "interrupted")
    ]
    legend = (("promoted", _GOOD), ("refused", _BAD), ("another decision", _OTHER), ("× no result", _BAD))
    frame = _frame(f"{metric} with its 95 % interval:", high, low, partial(score_text, metric), legend)
    return frame + "".join(drawn + points + failed)


def _photos(shown: Sequence[Night]) -> str:
    return _stacks("photos:", [[each.photos or 0, each.rejected or 0] for each in shown], ("kept", "rejected"))


def _seconds(shown: Sequence[Night]) -> str:
    seconds = [[each.seconds.get(stage, 0.0) for stage in STAGE_NAMES] for each in shown]
    return _stacks("seconds by stage:", seconds, STAGE_NAMES)


def _megabytes(shown: Sequence[Night]) -> str:
    return _stacks("MB of the run's artifacts", [[each.bytes / 1e6] for each in shown])


def _stacks(title: str, values: Sequence[Sequence[float]], names: Sequence[str] = ()) -> str:
    """Draw a stacked column for each night; the parts of one colour are one path."""
    top = max((sum(each) for each in values), default=0) or 1
    width = min(24.0, 0.7 * (_WIDTH - _LEFT - _RIGHT) / max(len(values), 1))
    paths: dict[str, list[str]] = {}
    for place, parts in enumerate(values):
        x = _short(_x(place, len(values)) - width / 2)
        for colour, value, above in zip(_COLOURS, parts, accumulate(parts), strict=False):
            if value:
                y, height = _short(_PANEL * (1 - above / top)), _short(_PANEL * value / top)
                paths.setdefault(colour, []).append(f"M{x} {y}h{_short(width)}v{height}h-{_short(width)}z")
    drawn = [f'<path fill="{colour}" d="{"".join(parts)}"/>' for colour, parts in paths.items()]
    label = "{:,.0f}" if top >= 10 else "{:,.1f}"
    return _frame(title, top, 0, label.format, zip(names, _COLOURS, strict=False)) + "".join(drawn)
