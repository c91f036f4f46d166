import re
from html.parser import HTMLParser
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tasks.evaluate.report import charts, confusion, style

HOSTILE = ["<script>alert(1)</script>", "$5 or $6", "$\\frac{$", "강아지", "a\nb\x00c", "x" * 99, "--> & \"'"]


def class_figures(classes: int) -> list[Figure]:
    """Draw each figure that depends on the number of classes."""
    names = [f"{HOSTILE[i % len(HOSTILE)]}{i}" for i in range(classes)]
    random = np.random.default_rng(0)
    matrix = random.integers(0, 3, (classes, classes)) + 9 * np.eye(classes, dtype=np.int64)
    recall = random.random(classes)
    recall[0] = np.nan
    matrix[0] = 0  # a class without test photos
    counts = {split: random.integers(0, 50, classes).tolist() for split in ("train", "val", "test")}
    return [
        confusion.confusion_matrix(matrix, names),
        charts.photos_per_class(counts, names),
        charts.recall_per_class(recall, [3] * classes, names),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 5, 15, 16, 40, 41, 300])
def test_figures_of_any_names_and_numbers_of_classes(classes: int) -> None:
    for figure in class_figures(classes):
        with Image.open(BytesIO(style.png(figure, 72))) as picture:
            assert min(picture.size) > 60
        assert style.svg(figure).startswith("<svg")


@pytest.mark.slow
def test_the_confusion_matrix_is_small_enough_for_the_dashboard() -> None:
    for classes in (2, 15, 40, 300):
        assert len(style.png(class_figures(classes)[0], 45)) < 40_000


def test_names_cannot_inject_into_a_page() -> None:
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)

    Reader().feed(style.svg(class_figures(7)[0]))
    assert "text" in tags
    assert "script" not in tags


@pytest.mark.parametrize(
    ("probability", "share"),
    [([0.3, 0.6, 0.9], 0.6), ([0.951, 0.99, 0.9999], 0.98), ([1.0], 1.0), ([0.7], 0.0), ([0.0002, 0.01], 0.01)],
)
def test_the_reliability_diagram_names_its_series(probability: list[float], share: float) -> None:
    confidence = np.repeat(probability, 20)
    right = np.arange(len(confidence)) < share * len(confidence)
    with_before = style.svg(charts.reliability(confidence, right, before=confidence * 0.9))
    assert "calibrated" in with_before
    assert "before calibration" in with_before
    alone = style.svg(charts.reliability(confidence[:9], right[:9]))  # one bin
    assert "photos per point: 9)" in alone
    assert "before" not in alone
    assert "calibrated" not in style.svg(charts.reliability(confidence, right, before=confidence))


def test_high_confidence_has_a_plain_axis_too() -> None:
    confidence = 1 - np.logspace(-5, -1.3, 200)
    figure = charts.reliability(confidence, np.ones(200, bool))
    assert figure.axes[0].get_xscale() == "linear"
    assert figure.axes[0].get_xlim()[1] < 102


def test_a_long_tail_has_a_logarithmic_scale() -> None:
    def scale(largest: int) -> str:
        counts = [largest] + [2] * 60
        figure = charts.photos_per_class(dict.fromkeys(("train", "val", "test"), counts), ["a"] * 61)
        return figure.axes[0].get_yscale()

    assert [scale(largest) for largest in (10, 300)] == ["linear", "log"]


def test_names_are_shortened_by_their_width() -> None:
    assert style.short_name("x" * 23) == "x" * 21 + "…"
    assert style.short_name("강" * 12) == "강" * 10 + "…"  # twice as wide
    assert style.short_name("e\u0301" * 22) == "e\u0301" * 22  # an accent takes none
    assert style.short_name("👩\u200d🚀" * 9) == "👩\u200d🚀" * 5 + "…"  # no joiner is left at the end
    assert style.short_name("") == ""
    assert style.short_name("GLASS ") == "GLASS␣"
    assert style.short_name("a\u200bb\n") == "a\\u200bb\\n"


def test_positions_of_names_in_an_svg_do_not_depend_on_installed_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["แมวไทยสีสวาด", "हिन्दी बिल्ली", "강아지 진돗개", "🐶🐕\u200d🦺", "مرحبا"]
    drawn = [style.svg(confusion.confusion_matrix(np.full((5, 5), 7), names))]
    monkeypatch.setattr(style, "families", lambda: ("DejaVu Sans",))  # as if no other font were installed
    drawn.append(style.svg(confusion.confusion_matrix(np.full((5, 5), 7), names)))
    found = [re.findall(r'text-anchor: end;.* x="([\d.]+)" y="([\d.]+)".*>(.*)</text>', text) for text in drawn]
    assert [name for _, _, name in found[0]] == names * 2  # anchored at their ends
    positions = [[(float(x), float(y)) for x, y, _ in one] for one in found]
    np.testing.assert_allclose(*positions, atol=1)  # points
    assert "font-family" not in drawn[0]


@pytest.mark.slow
def test_a_figure_is_repeatable_and_follows_the_theme() -> None:
    first, second = (style.svg(class_figures(5)[0]) for _ in range(2))
    assert first == second
    assert "var(--accent)" in first
    assert "var(--ink)" in first
    assert not set(re.findall(r"#[0-9a-f]{6}", first))
    assert style.png(class_figures(5)[0]) == style.png(class_figures(5)[0])


def test_drawing_does_not_change_the_settings_of_matplotlib() -> None:
    before = dict(mpl.rcParams)
    style.svg(class_figures(3)[0])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("epochs", [1, 2, 50])
def test_curves_name_their_lines_and_the_best_epoch(epochs: int) -> None:
    lines = {"train": [1.0] * epochs, "validation": [1.0] * epochs}  # labels at the same height are moved apart
    text = style.svg(charts.curves(lines, "Loss", best=epochs - 1))
    assert f"best epoch: {epochs}" in text
    assert ">train<" in text
    assert ">validation<" in text
