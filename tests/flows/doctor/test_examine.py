"""All looks together: what can't be read doesn't end them."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import doctor
from flows.doctor.finding import Finding


def unreadable(root: Path) -> Iterator[Finding]:
    yield Finding("before", "is kept")
    raise PermissionError(errno.EACCES, "Permission denied", str(root / "runs"))


def fine(root: Path) -> Iterator[Finding]:
    yield Finding("after", "is looked at")


def test_what_cannot_be_read_is_a_finding_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_PARTS", (unreadable, fine))
    before, problem, after = doctor.examine(tmp_path)
    assert (before.seen, after.seen) == ("is kept", "is looked at")
    assert problem.stops_runs
    assert str(tmp_path / "runs") in problem.problem
