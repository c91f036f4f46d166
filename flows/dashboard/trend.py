"""A picture of the nights of a model: its metric with the interval, photos, seconds by stage, and bytes."""

import html
from collections.abc import Callable, Sequence
from itertools import accumulate

from configs.schema import STAGE_NAMES
from flows.dashboard.nights import Night

_WIDTH, _PANEL, _GAP, _LEFT, _RIGHT = 760, 110, 46, 62, 12
_COLOURS = ("#4e79a7", "#f28e2b", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#e15759")
_PROMOTED, _OTHER, _FAILED = "#2e7d32", "#9e9e9e", "#c62828"


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
    parts += [
        f'<text x="{_x(place, len(shown)):.1f}" y="{last}" text-anchor="middle" fill="#444">'
        f"{shown[place].started_at.astimezone():%-d %b}</text>"
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


def _frame(title: str, top: float, bottom: float, label: Callable[[float], str], names: Sequence[str] = ()) -> str:
    """Draw a panel's title, the names of its colours, and its axis."""
    legend = "".join(
        f' <tspan fill="{colour}">{html.escape(name)}</tspan>' for name, colour in zip(names, _COLOURS, strict=False)
    )
    lines = [f'<text x="{_LEFT}" y="-8" fill="#222" font-weight="bold">{html.escape(title)}{legend}</text>']
    for share in (0.0, 0.5, 1.0):
        y = _PANEL * (1 - share)
        value = label(bottom + share * (top - bottom))
        lines.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" fill="#444">{value}</text>'
        )
    return "".join(lines)


def _metric(shown: Sequence[Night]) -> str:
    known = [(place, each) for place, each in enumerate(shown) if each.score]
    scores = [each.score for _, each in known if each.score]
    metric = scores[-1].metric if scores else "metric"
    low, high = min((each.low for each in scores), default=0.0), max((each.high for each in scores), default=1.0)
    if low == high:
        low, high = low - 0.01, high + 0.01

    def y(value: float) -> float:
        return _PANEL * (high - value) / (high - low)

    drawn = []
    for place, each in known:
        if each.score and each.score.metric == metric:
            x = _x(place, len(shown))
            colour = _PROMOTED if each.outcome == "promoted" else _FAILED if each.outcome == "refused" else _OTHER
            drawn.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(each.score.low):.1f}" y2="{y(each.score.high):.1f}" '
                f'stroke="{colour}" stroke-width="2"/>'
                f'<circle cx="{x:.1f}" cy="{y(each.score.value):.1f}" r="4" fill="{colour}"/>'
            )
    failed = [
        f'<text x="{_x(place, len(shown)):.1f}" y="{_PANEL - 3}" text-anchor="middle" fill="{_FAILED}">×</text>'
        for place, each in enumerate(shown)
        if each.outcome in ("failed", "died", "interrupted")
    ]
    title = f"{metric} with its 95 % interval (green: promoted, red: refused, ×: no result)"
    return _frame(title, high, low, lambda value: f"{value:.3f}") + "".join(drawn + failed)


def _photos(shown: Sequence[Night]) -> str:
    return _stacks(
        "photos:",
        [[each.photos or 0, each.rejected or 0] for each in shown],
        "{:,.0f}",
        ("kept", "rejected"),
    )


def _seconds(shown: Sequence[Night]) -> str:
    return _stacks(
        "seconds by stage:",
        [[each.seconds.get(stage, 0.0) for stage in STAGE_NAMES] for each in shown],
        "{:,.0f}",
        STAGE_NAMES,
    )


def _megabytes(shown: Sequence[Night]) -> str:
    return _stacks("MB of the run's artifacts", [[each.bytes / 1e6] for each in shown], "{:,.1f}")


def _stacks(title: str, values: Sequence[Sequence[float]], label: str, names: Sequence[str] = ()) -> str:
    top = max((sum(each) for each in values), default=0) or 1
    width = min(24.0, 0.7 * (_WIDTH - _LEFT - _RIGHT) / max(len(values), 1))
    drawn = []
    for place, parts in enumerate(values):
        x = _x(place, len(values)) - width / 2
        for part, (value, above) in enumerate(zip(parts, accumulate(parts), strict=True)):
            if value:
                drawn.append(
                    f'<rect x="{x:.1f}" y="{_PANEL * (1 - above / top):.1f}" width="{width:.1f}" '
                    f'height="{_PANEL * value / top:.1f}" fill="{_COLOURS[part % len(_COLOURS)]}"/>'
                )
    return _frame(title, top, 0, label.format, names) + "".join(drawn)
