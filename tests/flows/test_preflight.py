"""Errors are put to the user in one line, with the remedy and the right exit code."""

import errno
import multiprocessing
import os
from pathlib import Path

import pytest

from configs.load import ConfigError, load
from flows import preflight
from tasks.store.errors import UserError


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UserError("photos/: is empty; put photos in it"), 2, "photos/: is empty"),
        (ConfigError("train.epoch: there is no such setting"), 2, "no such setting"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), 2, "fluke prune"),
        (
            OSError(errno.EROFS, "Read-only file system", "/data/x"),
            2,
            "/data/x: read-only file system; make it writable",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), 2, "/data/x: permission denied"),
        (KeyError("oops"), 1, "internal error: KeyError: 'oops'"),
        (ValueError("many\n  lines"), 1, "internal error: ValueError: many lines"),
    ],
)
def test_errors_become_one_line_and_a_code(error: Exception, code: int, says: str, tmp_path: Path) -> None:
    message, exit_code = preflight.explain(error, tmp_path)
    assert exit_code == code
    assert says in message
    assert "\n" not in message


def test_a_full_disk_is_recognised_behind_other_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = preflight.shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage)
    message, code = preflight.explain(RuntimeError("HDF5: write failed"), tmp_path)
    assert (code, "no space left" in message) == (2, True)


def test_a_data_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for root in (blocked, blocked / "data"):
        with pytest.raises(UserError, match="FLUKE_DATA"):
            preflight.check_writable(root)
    preflight.check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("override", "says"),
    [("crawl.sources=foldr", "did you mean folder?"), ("train.network=convnt", "did you mean convnet?")],
)
def test_unknown_modules_are_refused_before_anything_runs(override: str, says: str) -> None:
    preflight.check_names(load("default"))
    with pytest.raises(UserError) as error:
        preflight.check_names(load("default", [override]))
    assert says in str(error.value)


def _hold(root: Path, ready, release) -> None:
    with preflight.in_use(root):
        ready.set()
        release.wait(30)


def test_deleting_waits_for_no_run_and_runs_go_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path, ready, release))
    process.start()
    assert ready.wait(30)
    with preflight.in_use(tmp_path):
        pass
    with pytest.raises(UserError, match="a run is under way"), preflight.in_use(tmp_path, alone=True):
        pass
    assert process.pid
    os.kill(process.pid, 9)  # the kernel lets go of its lock
    process.join()
    with preflight.in_use(tmp_path, alone=True):
        pass
