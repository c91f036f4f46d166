"""`fluke run` with photos to answer afterwards: what is wrong is said before anything is built."""

from pathlib import Path

import pytest

from flows.cli import runs
from tasks.store.errors import UserError


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "test" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(b"opened later")
    return path


@pytest.mark.parametrize(
    ("photos", "submission", "says"),
    [
        ("test", None, "give both: --predict FOLDER"),
        (None, "found.csv", "give both: --predict FOLDER"),
        ("tset", "found.csv", "tset: no such file or folder"),
        ("empty", "found.csv", "empty contains no photos"),
        ("test", "found.txt", "must end in one of .csv"),
        ("test", "none/found.csv", "none"),
    ],
)
def test_mistakes_are_said_before_the_run(
    photo: Path, monkeypatch: pytest.MonkeyPatch, photos: str | None, submission: str | None, says: str
) -> None:
    monkeypatch.chdir(photo.parents[1])
    Path("empty").mkdir()
    monkeypatch.setattr(runs, "_run", lambda *_: pytest.fail("the run began"))
    with pytest.raises(UserError, match=says):
        runs.run("demo", predict=photos and Path(photos), submission=submission and Path(submission))


def test_without_the_options_nothing_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_run", lambda *_: None)
    monkeypatch.setattr(runs, "_predict", lambda *_: pytest.fail("photos were predicted"))
    runs.run("demo", predict=None, submission=None)
