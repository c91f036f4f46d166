"""Limits of probabilities: which answers are unsure, and which classes are possible."""

from pathlib import Path

import numpy as np
import pytest

from tasks import tables
from tasks.inference.limits import Certainty, Limit, Limits
from tasks.store.errors import DamagedFileError
from tasks.text import SPACE

PROBABILITIES = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
NAMES = ["cat", "dog", "bird"]


def test_both_limits() -> None:
    limits = Limits(Limit(0.95, 0.6), Limit(0.9, 0.3))
    assert limits.columns == ["unsure", "possible_classes"]
    assert limits.certainties(PROBABILITIES, NAMES) == [
        Certainty(unsure=False, possible_classes=["cat", "dog"]),
        Certainty(unsure=True, possible_classes=["dog", "bird"]),
    ]
    assert next(limits.lines()) == (
        f"unsure: answers with a probability below 60.0{SPACE}%; from there on, 95{SPACE}% are right on validation "
        "photos (evaluate.abstain=0.95)"
    )


@pytest.mark.parametrize(
    ("limits", "columns", "lines"),
    [
        (Limits(), [], 0),
        (Limits(Limit(0.99, None), Limit(0.9, None)), [], 1),
        (Limits(None, Limit(0.9, 0.3)), ["possible_classes"], 0),
        (Limits(Limit(0.95, 0.6)), ["unsure"], 1),
    ],
    ids=["not asked for", "not found", "only sets", "only a threshold"],
)
def test_a_column_is_there_only_with_its_limit(limits: Limits, columns: list[str], lines: int) -> None:
    assert limits.columns == columns
    assert len(list(limits.lines())) == lines
    for found in limits.certainties(PROBABILITIES, NAMES):
        assert (found.unsure is not None) == ("unsure" in columns)
        assert (found.possible_classes is not None) == ("possible_classes" in columns)


def test_limits_are_read_as_they_were_written(tmp_path: Path) -> None:
    limits = Limits(Limit(0.95, 1 / 3), Limit(0.9, None))
    limits.write(tmp_path)
    assert Limits.read(tmp_path) == limits


def test_an_evaluation_of_an_earlier_version_has_no_limits(tmp_path: Path) -> None:
    assert Limits.read(tmp_path) == Limits()
    tables.evaluate.LIMITS.path(tmp_path).write_text('{"abstain": {"wanted": "much"}}')
    with pytest.raises(DamagedFileError, match=rf"{tables.evaluate.LIMITS.name} is damaged"):
        Limits.read(tmp_path)
