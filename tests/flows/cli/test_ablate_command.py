"""The options of `fluke ablate`."""

import pytest

from flows.cli.ablate import divided


@pytest.mark.parametrize(
    ("words", "option", "sizes", "settings"),
    [
        (["60", "train.epochs=5", "all"], ["20"], ["20", "60", "all"], ["train.epochs=5"]),
        ([], ["20 60 all"], ["20 60 all"], []),
        (["60"], [], [], ["60"]),
    ],
)
def test_numbers_of_photos_behind_the_option_are_not_settings(
    words: list[str], option: list[str], sizes: list[str], settings: list[str]
) -> None:
    assert divided(words, option) == (sizes, settings)
