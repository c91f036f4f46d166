"""A copy of a data folder: complete, in an order that suits a folder in use, and brought up to date."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.maintenance.backup import _files, back_up
from flows.models.decision import Decision
from flows.models.registry import Registry
from tasks.store.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder whose database is being written."""
    root = tmp_path / "data"
    kept = ("photos/ab/abc.jpg", "artifacts/train/k/manifest.json", "runs/r.json", "splits/d/1-x.parquet", "counter")
    left_out = ("locks/a.lock", "artifacts/train/.partial-k/x", "server/server.json", "server/up.lock", ".in-use.lock")
    for name in (*kept, *left_out):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("of a process" if name in left_out else name)
    return root


def test_what_refers_to_other_files_is_copied_before_them(root: Path) -> None:
    order = [path.relative_to(root).parts[0] for path in _files(root)]
    assert order == ["counter", "runs", "artifacts", "splits", "photos"]


def test_a_database_in_use_is_copied_with_what_is_committed(root: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(root / "server" / "prefect.db")) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("create table runs (name text)")
        database.execute("insert into runs values ('first')")
        database.commit()
        database.execute("insert into runs values ('not committed')")
        back_up(root, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy" / "server").iterdir()] == ["prefect.db"]
    with closing(sqlite3.connect(tmp_path / "copy" / "server" / "prefect.db")) as copy:
        assert copy.execute("select name from runs").fetchall() == [("first",)]


def test_a_second_copy_takes_only_what_has_changed_and_deletes_what_is_gone(root: Path, tmp_path: Path) -> None:
    (root / "artifacts" / "secret").write_text("x")
    (root / "artifacts" / "secret").chmod(0o600)
    first = back_up(root, tmp_path / "copy")
    assert (first.files, first.deleted) == (6, 0)
    original, copied = (folder / "artifacts" / "secret" for folder in (root, tmp_path / "copy"))
    assert (copied.stat().st_mode & 0o777, copied.stat().st_mtime) == (0o600, original.stat().st_mtime)
    (root / "photos" / "ab" / "abc.jpg").unlink()  # such as `fluke forget`
    (root / "counter").write_text("another")
    second = back_up(root, tmp_path / "copy")
    assert (second.files, second.deleted) == (1, 1)
    assert (tmp_path / "copy" / "counter").read_text() == "another"
    assert not (tmp_path / "copy" / "photos" / "ab" / "abc.jpg").exists()


def test_a_folder_that_is_no_copy_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="has files that are no copy"):
        back_up(root, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_copy_has_the_history_of_models_in_both_places(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "data", "glass")
    registry.append(Decision(run="a", outcome="promoted", by="gate"))
    back_up(tmp_path / "data", tmp_path / "copy")
    registry.append(Decision(run="b", outcome="promoted", by="gate"))
    shutil.rmtree(tmp_path / "copy" / "models")
    assert Registry(tmp_path / "copy", "glass").champion() == "a"
    back_up(tmp_path / "data", tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "backups")
    assert Registry(tmp_path / "copy", "glass").champions() == ["b", "a"]


@pytest.mark.parametrize("inside", ["data/copy", ".", "data"])
def test_a_copy_in_the_data_folder_is_refused(root: Path, tmp_path: Path, inside: str) -> None:
    with pytest.raises(UserError, match="can't be in the data folder"):
        back_up(root, tmp_path / inside)
