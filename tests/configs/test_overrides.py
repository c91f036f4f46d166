"""Overrides such as `train.epochs=5`."""

from configs.load import load
from configs.overrides import replaced_overrides


def test_of_two_values_the_last_is_used_and_the_other_named() -> None:
    overrides = ["train.epochs=5", "train.patience=2", "train.epochs=6", "train.patience=2"]
    assert load("default", overrides).train.epochs == 6
    assert replaced_overrides(overrides) == ["train.epochs is given twice: '6' replaces '5'"]
    assert replaced_overrides(["train.patience=2", "train.patience=2"]) == []


def test_addresses_that_are_given_twice_are_not_shown() -> None:
    assert replaced_overrides(["notify=json://hunter2secret/", "notify=json://hunter3secret/"]) == [
        "notify is given twice: '***' replaces '***'"
    ]
