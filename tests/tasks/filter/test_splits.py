"""Splits: whole groups, the right proportions in each class, and test photos are never trained on."""

import re
import unicodedata
from collections import Counter

import numpy as np
import pytest

from tasks.filter.splits import assign, hold_out_classes, resolve, unseen_classes
from tasks.store.errors import UserError


def photos(count: int, start: int = 0) -> list[str]:
    return [f"{number:04d}" for number in range(start, start + count)]


def assigned(labels, groups=None, known=None, names=None, **settings):
    """Return the split of each photo."""
    names = names or photos(len(labels))
    groups = list(range(len(labels))) if groups is None else groups
    settings = {"val_fraction": 0.15, "test_fraction": 0.2, "seed": 0} | settings
    resolved = resolve(groups, [(known or {}).get(name) for name in names])
    split = assign(labels, groups, names, resolved, **settings)
    return [split[group] for group in groups]


def test_each_class_has_the_right_proportions() -> None:
    labels = ["cat"] * 100 + ["dog"] * 40
    splits = assigned(labels)
    counts = Counter(zip(labels, splits, strict=True))
    assert counts["cat", "test"] in (20, 21)
    assert counts["cat", "val"] in (15, 16)
    assert counts["dog", "test"] in (8, 9)
    assert counts["dog", "val"] in (6, 7)


@pytest.mark.slow
def test_small_classes_together_have_the_right_proportions() -> None:
    labels = [f"whale {n}" for n in range(1000) for _ in range(2)]
    counts = Counter(assigned(labels))
    assert counts["test"] == pytest.approx(400, rel=0.15)
    assert counts["val"] == pytest.approx(300, rel=0.15)
    trained = {label for label, split in zip(labels, assigned(labels), strict=True) if split == "train"}
    assert trained == set(labels)


def test_a_class_with_one_photo_is_only_in_train() -> None:
    assert assigned(["one", "two"]) == ["train", "train"]


def test_a_class_of_five_is_in_every_split() -> None:
    assert set(assigned(["x"] * 5, test_fraction=0.1, val_fraction=0.1)) == {"train", "val", "test"}


def test_a_group_is_never_divided() -> None:
    groups = np.random.default_rng(0).integers(0, 30, 120).tolist()
    splits = assigned(["x"] * 120, groups)
    for group in set(groups):
        assert len({split for split, number in zip(splits, groups, strict=True) if number == group}) == 1


def test_earlier_splits_are_kept_and_new_photos_fill_the_proportions() -> None:
    first = assigned(["x"] * 50)
    known = dict(zip(photos(50), first, strict=True))
    second = assigned(["x"] * 100, known=known)
    assert second[:50] == first
    assert Counter(second)["test"] in (20, 21)


def test_a_new_photo_that_joins_a_train_group_to_a_test_group_takes_all_to_the_test() -> None:
    known = {"0000": "train", "0001": "test", "0002": "val"}
    assert assigned(["x"] * 5, [7, 7, 7, 7, 8], known)[:4] == ["test"] * 4
    assert assigned(["x"] * 3, [1, 2, 1], {"0000": "train", "0002": "val"})[0] == "val"


def test_order_of_photos_does_not_matter_and_the_seed_does() -> None:
    names = photos(60)
    labels = ["x"] * 60
    straight = dict(zip(names, assigned(labels), strict=True))
    backwards = names[::-1]
    reverse = dict(zip(backwards, assigned(labels, names=backwards), strict=True))
    other = dict(zip(names, assigned(labels, seed=1), strict=True))
    assert straight == reverse != other


def test_a_split_with_a_fraction_of_0_stays_empty() -> None:
    assert set(assigned(["x"] * 40, val_fraction=0.0)) == {"train", "test"}


def held_out(labels, unseen, groups=None, known=None, seed=0):
    """Return the split of each photo of a class that is never trained on; None for the other photos."""
    groups = list(range(len(labels))) if groups is None else groups
    found = hold_out_classes(labels, groups, photos(len(labels)), known or {}, unseen=unseen, seed=seed)
    return [found.get(group) for group in groups]


def test_a_share_of_the_classes_is_held_out_each_in_one_split() -> None:
    labels = [f"whale {n}" for n in range(400) for _ in range(3)]
    splits = held_out(labels, 0.2)
    by_class = {label: {split for each, split in zip(labels, splits, strict=True) if each == label} for label in labels}
    counts = Counter(next(iter(split)) for split in by_class.values())
    assert all(len(split) == 1 for split in by_class.values())
    assert counts["val"] == pytest.approx(40, abs=15)
    assert counts["test"] == pytest.approx(40, abs=15)
    assert counts[None] == 400 - counts["val"] - counts["test"]


def test_a_class_stays_unseen_when_others_are_added() -> None:
    few = unseen_classes([f"whale {n}" for n in range(50)], 0.3, 0)
    many = unseen_classes([f"whale {n}" for n in range(200)], 0.3, 0)
    assert few
    assert few.items() <= many.items()
    assert few != unseen_classes([f"whale {n}" for n in range(50)], 0.3, 1)


def test_a_named_unseen_class_may_be_typed_in_either_unicode_form() -> None:
    assert set(unseen_classes(["유리", "금속"], (unicodedata.normalize("NFD", "유리"),), 0)) == {"유리"}


def test_a_single_named_unseen_class_is_in_both_splits_by_group() -> None:
    labels, groups = ["new_whale"] * 8 + ["orca"] * 4, [0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7]
    splits = held_out(labels, ("new_whale",), groups)
    assert Counter(splits) == {"val": 4, "test": 4, None: 4}
    assert all(splits[i] == splits[i + 1] for i in range(0, 8, 2))


def test_named_unseen_classes_alternate_between_the_splits() -> None:
    labels = ["a", "a", "b", "c", "c"]
    assert held_out(labels, ("a", "b")) == ["val", "val", "test", None, None]


def test_held_out_groups_stay_and_train_groups_become_held_out() -> None:
    labels = ["new"] * 4 + ["orca"]
    assert held_out(labels, ("new", "orca"), known={0: "test"})[:4] == ["test", "val", "val", "val"]
    assert "train" not in held_out(labels, ("new",), known={1: "train"})


def test_missing_and_too_few_unseen_classes_are_refused() -> None:
    for name, hint in (
        ("new_wale", " (did you mean new_whale?)"),
        ("Orca", " (did you mean orca?)"),
        ("orca, new_whale", " (for several, write [orca,new_whale])"),
        ("x", "; check the spelling"),
    ):
        with pytest.raises(UserError, match=re.escape(f"unseen_classes: there are no photos of {name!r}{hint}")):
            held_out(["new_whale", "orca"], (name,))
    with pytest.raises(UserError, match=r"unseen_classes=0\.01: no class of 2 is in the val split; raise it"):
        held_out(["a", "b"], 0.01)
    assert held_out(["a", "b"], 0.0) == [None, None]
