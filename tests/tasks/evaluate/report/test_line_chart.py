"""Small charts as SVG."""

import pytest

from tasks.evaluate.report.line_chart import HEIGHT, WIDTH, LineChart, Mark


def chart(x: list[float], y: list[float], **how: object) -> LineChart:
    return LineChart.of(x, y, x_title="x", y_title="y", **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "y"),
    [([1, 2, 3], [60, 70, 65]), ([5], [100]), ([0.4, 100], [0, 0]), ([25_000, 50_000, 100_000], [3, 3.5, 4])],
)
def test_everything_lies_inside(x: list[float], y: list[float]) -> None:
    found = chart(x, y, low=[value - 1 for value in y], high=[value + 1 for value in y], from_zero=True)
    points = [tuple(map(float, point.split(","))) for point in found.line.split()]
    assert len(points) == len(x)
    assert all(0 <= a <= WIDTH and 0 <= b <= HEIGHT for a, b in points)
    assert all(0 <= top <= bottom <= HEIGHT for _, top, bottom in found.bars)
    for ticks in (found.x_ticks, found.y_ticks):
        assert len(ticks) <= 7
        assert len({tick.text for tick in ticks}) == len(ticks)


def test_higher_values_lie_higher_and_marks_on_the_line() -> None:
    found = chart([0, 50, 100], [60, 80, 100], marks=[Mark(50, 80, "half")])
    [_, (x, y), (_, top)] = found.dots
    assert top < y
    assert (found.marks[0].x, found.marks[0].y) == (x, y)
    assert {"60", "80", "100"} <= {tick.text for tick in found.y_ticks}
