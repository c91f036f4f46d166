"""A small evaluation with two mistakes; its figures aren't drawn."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.evaluate.report import style
from tasks.store.store import Store
from tests.helpers.evaluation import EvaluationWorld, world

_PNG = cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1].tobytes()


def _save_no_figures(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(style, "png", lambda _figure, _dpi=150: _PNG)
    patch.setattr(style, "svg", lambda _figure: "<svg></svg>")


@pytest.fixture(autouse=True)
def figures_are_not_saved(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace each figure by one pixel: to save them takes half of an evaluation. `report/` tests them."""
    if request.path.parent == Path(__file__).parent and not request.node.get_closest_marker("drawn"):
        _save_no_figures(monkeypatch)


@pytest.fixture
def pets(tmp_path: Path) -> EvaluationWorld:
    """10 test photos with 8 correct predictions; a dog is predicted as a cat, and a bird as a dog."""
    return _pets(tmp_path)


@pytest.fixture(scope="module")
def _evaluated_once(tmp_path_factory: pytest.TempPathFactory) -> EvaluationWorld:
    with pytest.MonkeyPatch.context() as patch:
        _save_no_figures(patch)
        pets = _pets(tmp_path_factory.mktemp("evaluated")).finish()
        pets.evaluate()
    return pets


@pytest.fixture
def evaluated_pets(_evaluated_once: EvaluationWorld, tmp_path: Path) -> EvaluationWorld:
    """The same photos, finished, with their evaluation in the store."""
    shutil.copytree(_evaluated_once.store.root, tmp_path / "data")
    return replace(_evaluated_once, store=Store(tmp_path / "data"), parents=dict(_evaluated_once.parents))


def _pets(folder: Path) -> EvaluationWorld:
    pets = world(folder, ["bird", "cat", "dog"])
    for label, count in (("bird", 2), ("cat", 3), ("dog", 6)):
        for _ in range(count):
            pets.photo(label, "train")
        pets.photo(label, "val")
    pets.photo("bird", "test")
    pets.photo("bird", "test", answer="dog")
    for _ in range(3):
        pets.photo("cat", "test")
    pets.photo("dog", "test", answer="cat")
    for _ in range(4):
        pets.photo("dog", "test", group="burst")
    return pets
