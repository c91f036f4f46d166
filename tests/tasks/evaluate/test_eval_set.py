"""Which evaluation sets are refused."""

from pathlib import Path

import pytest

from tasks.store.errors import UserError
from tests.helpers.evaluation import UNKNOWN, EvaluationWorld, unseen, world


def test_an_empty_test_split_is_refused(tmp_path: Path) -> None:
    only = world(tmp_path, ["a", "b"])
    for label in ("a", "b"):
        only.photo(label, "train")
        only.photo(label, "val")
    with pytest.raises(UserError, match=r"the test split contains no photo.* or raise filter\.test_fraction"):
        only.finish().evaluate()


@pytest.mark.slow
def test_the_unknown_class_needs_validation_photos_and_a_new_name(tmp_path: Path, pets: EvaluationWorld) -> None:
    with pytest.raises(UserError, match=r"threshold can't be fitted; raise filter\.unseen_classes"):
        pets.finish().evaluate(UNKNOWN)
    sea = unseen(tmp_path / "sea").finish()
    with pytest.raises(UserError, match=r"unknown_label=cow: the classifier was trained on a class of this name"):
        sea.evaluate(UNKNOWN.model_copy(update={"unknown_label": "cow"}))
