"""The names that people give to the parts of a split."""

import pytest

from tasks.crawl.listing.given_split import given_split, given_splits, yes_no_splits


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (
            ("train", "Training", "TRAIN", "train_set", "trainset", "Train Images", "1_train", "훈련"),
            "train",
        ),
        (("val", "valid", "VALIDATION", "dev", "val-images", "2.Validation", "验证集"), "val"),
        (("test", "Testing", "test_set", "TestSet", "holdout", "hold-out", "테스트"), "test"),
    ],
)
def test_names_of_the_parts(names: tuple[str, ...], part: str) -> None:
    assert {name: given_split(name) for name in names} == dict.fromkeys(names, part)


@pytest.mark.parametrize("name", ["plane", "trains", "contest", "", "-", "images", "test drive", "train station", "1"])
def test_other_names_mean_no_part(name: str) -> None:
    assert given_split(name) is None


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["seg_train", "seg_test", "seg_pred"], ["train", "test", None]),  # Intel's scenes on Kaggle
        (["asl_alphabet_train", "asl_alphabet_test"], ["train", "test"]),
        (["train2017", "val2017"], ["train", "val"]),  # COCO
        (["1.Training", "2.Validation"], ["train", "val"]),  # AI Hub
        (["training", "validation", "evaluation"], ["train", "val", "test"]),  # Food-11
        (["train", "test", "eval"], ["train", "test", "val"]),
        (["train", "eval"], ["train", "test"]),
        (["train_1", "test_1", "train_2", "test_2"], [None] * 4),  # folds: no single split
        (["train", "plane", "boat"], ["train", None, None]),
    ],
)
def test_names_are_read_together(names: list[str], parts: list[str | None]) -> None:
    assert [given_splits(names).get(name) for name in names] == parts


@pytest.mark.parametrize(
    ("column", "values", "parts"),
    [
        ("is_valid", ["True", "False", ""], {"True": "val", "False": "train"}),
        ("test", ["1", "0"], {"1": "test", "0": "train"}),
        ("Is Train", ["y", "n"], {"y": "train", "n": "test"}),
        ("is_valid", ["True", "maybe"], {}),
        ("split", ["0", "1"], {}),
        ("is_good", ["0", "1"], {}),
    ],
)
def test_yes_and_no_for_one_part(column: str, values: list[str], parts: dict[str, str]) -> None:
    assert yes_no_splits(column, values) == parts
