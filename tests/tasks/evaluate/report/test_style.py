"""Saving figures: the layout is computed once, however often a figure is saved."""

import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tasks.evaluate.report import style


def test_the_layout_of_a_figure_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[object] = []
    execute = ConstrainedLayoutEngine.execute
    monkeypatch.setattr(
        ConstrainedLayoutEngine, "execute", lambda self, figure: (computed.append(figure), execute(self, figure))[1]
    )

    @style.styled
    def draw() -> style.Figure:
        figure, axes = style.single(2)
        style.title(axes, "Photos")
        return figure

    figure = draw()
    first = style.svg(figure)
    style.png(figure)
    assert style.svg(figure) == first
    assert len(computed) == 1
