import re
from html.parser import HTMLParser
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tasks.support import canvas, plots

HOSTILE = ["<script>alert(1)</script>", "$5 or $6", "$\\frac{$", "강아지", "a\nb\x00c", "x" * 99, "--> & \"'"]


def ordinary(classes: int) -> list[Figure]:
    """Every figure that depends on the number of classes."""
    names = [f"{HOSTILE[i % len(HOSTILE)]}{i}" for i in range(classes)]
    random = np.random.default_rng(0)
    matrix = random.integers(0, 3, (classes, classes)) + 9 * np.eye(classes, dtype=np.int64)
    recall = random.random(classes)
    recall[0] = np.nan
    matrix[0] = 0  # a class without a test photo
    counts = {split: random.integers(0, 50, classes).tolist() for split in ("train", "val", "test")}
    return [
        plots.confusion(matrix, names),
        plots.photos_per_class(counts, names),
        plots.recall_per_class(recall, [3] * classes, names),
    ]


@pytest.mark.parametrize("classes", [2, 5, 15, 16, 40, 41, 300])
def test_figures_can_be_drawn_with_any_names_and_numbers_of_classes(classes: int) -> None:
    for figure in ordinary(classes):
        with Image.open(BytesIO(canvas.png(figure, 72))) as picture:
            assert min(picture.size) > 60
        assert canvas.svg(figure).startswith("<svg")


def test_the_confusion_thumbnail_fits_the_dashboard() -> None:
    for classes in (2, 15, 40, 300):
        assert len(canvas.png(ordinary(classes)[0], 72)) < 60_000


def test_names_cannot_inject_into_a_page() -> None:
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)

    Reader().feed(canvas.svg(ordinary(7)[0]))
    assert "text" in tags
    assert "script" not in tags


def test_numbers_are_written_into_small_matrices_only() -> None:
    matrix = np.array([[41, 1], [2, 37]])
    assert re.findall(r">(\d+)</text>", canvas.svg(plots.confusion(matrix, ["a", "b"]))) == [
        "41",
        "1",
        "2",
        "37",
    ]
    many = canvas.svg(plots.confusion(np.full((300, 300), 7), [f"c{i}" for i in range(300)]))
    assert "c0" not in many
    assert len(many) < 50_000


def test_a_figure_is_repeatable_and_follows_the_theme() -> None:
    first, second = (canvas.svg(ordinary(5)[0]) for _ in range(2))
    assert first == second
    assert "var(--accent)" in first
    assert "var(--ink)" in first
    assert not set(re.findall(r"#[0-9a-f]{6}", first))
    assert canvas.png(ordinary(5)[0]) == canvas.png(ordinary(5)[0])


def test_drawing_leaves_matplotlibs_settings_alone() -> None:
    before = dict(mpl.rcParams)
    canvas.svg(ordinary(3)[0])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("epochs", [1, 2, 50])
def test_curves_name_their_lines_and_the_epoch_that_was_kept(epochs: int) -> None:
    lines = {"train": [1.0] * epochs, "validation": [1.0] * epochs}  # labels on the same spot are moved apart
    text = canvas.svg(plots.curves(lines, "Loss", best=epochs - 1))
    assert f"kept: epoch {epochs}" in text
    assert ">train<" in text
    assert ">validation<" in text
