"""The figure of an ablation."""

import pytest

from tasks.evaluate.metrics import Estimate
from tasks.evaluate.report import arms
from tasks.evaluate.report.style import ACCENT, MUTED, RUST

ROWS = [
    arms.Difference("better", Estimate(0.05, 0.02, 0.08), "+5.0 (2.0 to 8.0)", is_measured=True),
    arms.Difference("worse", Estimate(-0.05, -0.08, -0.02), "-5.0 (-8.0 to -2.0)", is_measured=True),
    arms.Difference("chance", Estimate(0.003, -0.011, 0.018), "+0.3 (-1.1 to 1.8)", is_measured=False),
]


def test_each_arm_has_its_interval_in_points_and_only_measured_differences_have_a_colour() -> None:
    (axes,) = arms.figure(ROWS, [], [], "Difference from x", "accuracy").axes
    zero, *lines = axes.get_lines()
    assert list(zero.get_xdata()) == [0, 0]
    intervals, points = lines[::2], lines[1::2]
    assert [list(line.get_xdata()) for line in intervals] == [
        pytest.approx(expected) for expected in ([2, 8], [-8, -2], [-1.1, 1.8])
    ]
    assert [line.get_color() for line in points] == [ACCENT, RUST, MUTED]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["better", "worse", "chance"]
    assert axes.yaxis_inverted()


def test_several_numbers_of_photos_add_a_curve_for_each_arm() -> None:
    curves = [arms.Curve(name, [Estimate(0.5, 0.4, 0.6), Estimate(0.7, 0.6, 0.8)]) for name in ("x", "better")]
    _, axes = arms.figure(ROWS, curves, ["20", "all"], "Difference from x", "accuracy").axes
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [pytest.approx([50, 70])] * 2
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "all"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["x", "better"]
