"""A small chart with one line, as SVG. It takes the template a tenth of the time that a figure of matplotlib takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

WIDTH, HEIGHT = 345.0, 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 12.0, 10.0, 34.0
"""Margins around the drawing, in the units of the SVG, of which a letter is 9 high."""
_STEPS = (1, 2, 5, 10, 20, 25, 50)
_MOST_TICKS = 6


class Mark(NamedTuple):
    """A point with a name, in the units of the values."""

    x: float
    y: float
    name: str


class Tick(NamedTuple):
    """A position on an axis, in the units of the SVG, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class LineChart:
    """Coordinates in the units of the SVG, which is `WIDTH` x `HEIGHT`; `y` points down."""

    line: str
    """The points of the line, as `x,y x,y ...`."""
    dots: list[tuple[float, float]]
    """The points, if they are few."""
    bars: list[tuple[float, float, float]]
    """x, and the upper and lower end, of each 95 % interval."""
    marks: list[Mark]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x_title: str
    y_title: str
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM

    @classmethod
    def of(
        cls,
        x: Sequence[float],
        y: Sequence[float],
        *,
        low: Sequence[float] = (),
        high: Sequence[float] = (),
        marks: Sequence[Mark] = (),
        x_title: str,
        y_title: str,
        from_zero: bool = False,
    ) -> Self:
        """Lay out a chart.

        Args:
            x: One or more values, ascending.
            y: The values on the line.
            low: Lower end of the 95 % interval of each point; empty: no intervals.
            high: Upper ends.
            marks: Points to mark by name.
            x_title: What x is, with its unit.
            y_title: The same for y.
            from_zero: Whether the x axis begins at 0.
        """
        x_axis = _Axis(0 if from_zero else min(x), max(x), _LEFT, WIDTH - _RIGHT)
        y_axis = _Axis(min([*y, *low]), max([*y, *high]), HEIGHT - _BOTTOM, _TOP)
        points = [(x_axis(a), y_axis(b)) for a, b in zip(x, y, strict=True)]
        return cls(
            line=" ".join(f"{a:.1f},{b:.1f}" for a, b in points),
            dots=points if len(points) < 10 else [],
            bars=[(x_axis(a), y_axis(b), y_axis(c)) for a, b, c in zip(x, high, low, strict=False)],
            marks=[Mark(x_axis(mark.x), y_axis(mark.y), mark.name) for mark in marks],
            x_ticks=x_axis.ticks(),
            y_ticks=y_axis.ticks(),
            x_title=x_title,
            y_title=y_title,
        )


class _Axis:
    """Maps values to a direction of the SVG."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        margin = (high - low) * 0.04 or max(abs(high) * 0.04, 0.5)
        self._low, self._high = low - (margin if low else 0), high + margin
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[Tick]:
        """Choose round numbers, at most `_MOST_TICKS`."""
        span = self._high - self._low
        scale = 1.0
        while span / (scale * _STEPS[-1]) > _MOST_TICKS:
            scale *= 10
        step = next(scale * each for each in _STEPS if span / (scale * each) <= _MOST_TICKS)
        numbers = range(int(-(-self._low // step)), int(self._high // step) + 1)
        return [Tick(self(step * number), f"{step * number:,.0f}") for number in numbers]
