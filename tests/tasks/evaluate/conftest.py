"""A small evaluation with two mistakes."""

from pathlib import Path

import pytest

from tests.helpers.evaluation import EvaluationWorld, world


@pytest.fixture
def pets(tmp_path: Path) -> EvaluationWorld:
    """10 test photos of which 8 are answered rightly: one dog is taken for a cat, one bird for a dog."""
    pets = world(tmp_path, ["bird", "cat", "dog"])
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
