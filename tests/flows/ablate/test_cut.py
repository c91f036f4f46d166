"""Fewer train photos: drawn by their names, by class, with validation and test as they are."""

import pandas as pd

from flows.ablate.cut import cut_train


def kept(train: int) -> pd.DataFrame:
    rows = [(f"{label}{i}", label, "train") for label in "ab" for i in range(train if label == "a" else 3)]
    return pd.DataFrame([*rows, ("v", "a", "val"), ("t", "b", "test")], columns=["photo", "label", "split"])


def test_each_class_keeps_at_most_so_many_train_photos_and_all_others() -> None:
    left = cut_train(kept(50), 5, seed=0)
    assert left["split"].value_counts().to_dict() == {"train": 8, "val": 1, "test": 1}
    assert left[left["split"] == "train"]["label"].value_counts().to_dict() == {"a": 5, "b": 3}
    assert list(left.index) == sorted(left.index)


def test_fewer_photos_are_a_part_of_more_and_a_new_photo_replaces_at_most_one() -> None:
    drawn = {most: set(cut_train(kept(50), most, seed=0)["photo"]) for most in (5, 20)}
    assert drawn[5] < drawn[20]
    assert len(drawn[20] - set(cut_train(kept(51), 20, seed=0)["photo"])) <= 1


def test_another_seed_draws_other_photos() -> None:
    assert set(cut_train(kept(50), 5, seed=0)["photo"]) != set(cut_train(kept(50), 5, seed=1)["photo"])
