"""Step 4: heat maps, similar train photos and images of layers."""

import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.explanations import Explanations
from tests.helpers.evaluation import EvaluationWorld

pytestmark = pytest.mark.slow


def test_mistakes_are_shown_with_heat_maps_and_similar_train_photos(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate()
    page = tables.evaluate.REPORT.path(folder).read_text()
    mistakes = page[page.index('id="mistakes"') : page.index("Correct predictions")]
    assert mistakes.count("<img") == 2 + 1 + 2 * 3  # one heat map is empty
    assert mistakes.count("1.00") == 2 * 3  # since their colours are the same
    assert "class activation map" in mistakes


def test_layers_are_shown_without_a_gallery(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate(EvaluateConfig(bootstrap=100, gallery=0, layer_images=1))
    page = tables.evaluate.REPORT.path(folder).read_text()
    assert "Layers of the network" in page
    assert "evaluate.gallery is 0" in page
    assert (folder / "figures" / "responses.png").exists()


def test_only_shown_photos_are_explained(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate(EvaluateConfig(bootstrap=100, gallery=1, layer_images=0))
    found = Explanations.read(folder)
    assert len(found.heat_maps) == 2  # a mistake and a correct prediction
    [(photo, neighbours)] = found.neighbours.items()
    predicted = tables.evaluate.PREDICTIONS.read(folder).set_index("photo").at[photo, "predicted"]
    assert [neighbour.label for neighbour in neighbours] == [predicted] * 3  # it looks like the class it is taken for
    assert found.layers is None
