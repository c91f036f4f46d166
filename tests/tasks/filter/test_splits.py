"""Splits: whole groups, every class in proportion, and nothing that was tested ever trains."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tasks.filter.splits import Memory, deal, set_aside, settle, unseen_classes
from tasks.store.errors import UserError


def photos(count: int, start: int = 0) -> list[str]:
    return [f"{number:04d}" for number in range(start, start + count)]


def dealt(labels, groups=None, known=None, names=None, **settings):
    """The split of each photo."""
    names = names or photos(len(labels))
    groups = list(range(len(labels))) if groups is None else groups
    settings = {"val_fraction": 0.15, "test_fraction": 0.2, "seed": 0} | settings
    settled = settle(groups, [(known or {}).get(name) for name in names])
    split = deal(labels, groups, names, settled, **settings)
    return [split[group] for group in groups]


def test_each_class_is_dealt_in_proportion() -> None:
    labels = ["cat"] * 100 + ["dog"] * 40
    splits = dealt(labels)
    counts = Counter(zip(labels, splits, strict=True))
    assert counts["cat", "test"] in (20, 21)
    assert counts["cat", "val"] in (15, 16)
    assert counts["dog", "test"] in (8, 9)
    assert counts["dog", "val"] in (6, 7)


def test_small_classes_together_come_out_in_proportion() -> None:
    labels = [f"whale {n}" for n in range(1000) for _ in range(2)]
    counts = Counter(dealt(labels))
    assert counts["test"] == pytest.approx(400, rel=0.15)
    assert counts["val"] == pytest.approx(300, rel=0.15)
    trained = {label for label, split in zip(labels, dealt(labels), strict=True) if split == "train"}
    assert trained == set(labels)


def test_a_class_with_one_photo_only_trains() -> None:
    assert dealt(["one", "two"]) == ["train", "train"]


def test_a_class_of_five_is_in_every_split() -> None:
    assert set(dealt(["x"] * 5, test_fraction=0.1, val_fraction=0.1)) == {"train", "val", "test"}


def test_a_group_is_never_divided() -> None:
    groups = np.random.default_rng(0).integers(0, 30, 120).tolist()
    splits = dealt(["x"] * 120, groups)
    for group in set(groups):
        assert len({split for split, number in zip(splits, groups, strict=True) if number == group}) == 1


def test_earlier_nights_are_kept_and_new_photos_fill_the_proportions() -> None:
    first = dealt(["x"] * 50)
    known = dict(zip(photos(50), first, strict=True))
    second = dealt(["x"] * 100, known=known)
    assert second[:50] == first
    assert Counter(second)["test"] in (20, 21)


def test_a_new_photo_that_joins_a_train_group_to_a_test_group_takes_all_to_the_test() -> None:
    known = {"0000": "train", "0001": "test", "0002": "val"}
    assert dealt(["x"] * 5, [7, 7, 7, 7, 8], known)[:4] == ["test"] * 4
    assert dealt(["x"] * 3, [1, 2, 1], {"0000": "train", "0002": "val"})[0] == "val"


def test_order_of_photos_does_not_matter_and_the_seed_does() -> None:
    names = photos(60)
    labels = ["x"] * 60
    straight = dict(zip(names, dealt(labels), strict=True))
    backwards = names[::-1]
    reverse = dict(zip(backwards, dealt(labels, names=backwards), strict=True))
    other = dict(zip(names, dealt(labels, seed=1), strict=True))
    assert straight == reverse != other


def test_zero_fractions_deal_nothing_there() -> None:
    assert set(dealt(["x"] * 40, val_fraction=0.0)) == {"train", "test"}


def test_memory_counts_the_photos_that_moved(tmp_path: Path) -> None:
    memory = Memory(tmp_path, {"seed": 0})
    assert (memory.read(), memory.moves()) == ({}, 0)
    memory.write({}, {"a": "train", "b": "test"})
    memory.write(memory.read(), {"c": "train"})
    assert memory.moves() == 0
    memory.write(memory.read(), {"a": "test", "b": "test"})
    assert memory.read() == {"a": "test", "b": "test", "c": "train"}
    assert memory.moves() == 1
    assert Memory(tmp_path, {"seed": 1}).read() == {}


def test_a_damaged_memory_is_refused_with_what_it_means(tmp_path: Path) -> None:
    memory = Memory(tmp_path, {"seed": 0})
    memory.write({}, {"a": "train"})
    memory.path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"splits-.*damaged.*restore it.*or delete"):
        memory.read()


def aside(labels, unseen, groups=None, settled=None, seed=0):
    """The split of each photo of a class that is never trained on, and whether the others are left to be dealt."""
    groups = list(range(len(labels))) if groups is None else groups
    found = set_aside(labels, groups, photos(len(labels)), settled or {}, unseen=unseen, seed=seed)
    return [found.get(group) for group in groups]


def test_a_share_of_the_classes_is_never_trained_on_each_in_one_split() -> None:
    labels = [f"whale {n}" for n in range(400) for _ in range(3)]
    splits = aside(labels, 0.2)
    by_class = {label: {split for each, split in zip(labels, splits, strict=True) if each == label} for label in labels}
    counts = Counter(next(iter(split)) for split in by_class.values())
    assert all(len(split) == 1 for split in by_class.values())
    assert counts["val"] == pytest.approx(40, abs=15)
    assert counts["test"] == pytest.approx(40, abs=15)
    assert counts[None] == 400 - counts["val"] - counts["test"]


def test_a_class_stays_unseen_when_others_come() -> None:
    few = unseen_classes([f"whale {n}" for n in range(50)], 0.3, 0)
    many = unseen_classes([f"whale {n}" for n in range(200)], 0.3, 0)
    assert few
    assert few.items() <= many.items()
    assert few != unseen_classes([f"whale {n}" for n in range(50)], 0.3, 1)


def test_a_lone_unseen_class_is_in_both_splits_by_group() -> None:
    labels, groups = ["new_whale"] * 8 + ["orca"] * 4, [0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7]
    splits = aside(labels, ("new_whale",), groups)
    assert Counter(splits) == {"val": 4, "test": 4, None: 4}
    assert all(splits[i] == splits[i + 1] for i in range(0, 8, 2))


def test_named_unseen_classes_take_turns() -> None:
    labels = ["a", "a", "b", "c", "c"]
    assert aside(labels, ("a", "b")) == ["val", "val", "test", None, None]


def test_what_was_held_out_stays_and_what_trained_is_held_out() -> None:
    labels = ["new"] * 4 + ["orca"]
    assert aside(labels, ("new", "orca"), settled={0: "test"})[:4] == ["test", "val", "val", "val"]
    assert "train" not in aside(labels, ("new",), settled={1: "train"})


def test_unseen_classes_that_are_not_there_or_too_few_are_refused() -> None:
    with pytest.raises(UserError, match=r"unseen_classes: no photo is of 'new_wale'; check the spelling"):
        aside(["new_whale", "orca"], ("new_wale",))
    with pytest.raises(UserError, match=r"unseen_classes=0\.01: none of 2 classes falls to the val split; raise it"):
        aside(["a", "b"], 0.01)
    assert aside(["a", "b"], 0.0) == [None, None]
