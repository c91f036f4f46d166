"""Errors are printed in one line, with the remedy and the correct exit code."""

import errno
import shutil
from pathlib import Path

import pytest

from configs.errors import ConfigError
from flows import error_messages
from tasks.images.memory import PhotoTooLargeError
from tasks.store.errors import UserError


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UserError("photos/: is empty; put photos in it"), 2, "photos/: is empty"),
        (ConfigError("train.epoch: unknown setting"), 2, "unknown setting"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), 2, "fluke prune"),
        (
            OSError(errno.EROFS, "Read-only file system", "/data/x"),
            2,
            "/data/x: read-only file system; make it writable",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), 2, "/data/x: permission denied"),
        (MemoryError(), 2, "set workers.threads to a smaller number"),
        (PhotoTooLargeError(10**9), 2, "a photo has too many pixels for the memory of this machine"),
        (KeyError("oops"), 1, "internal error: KeyError: 'oops'"),
        (ValueError("many\n  lines"), 1, "internal error: ValueError: many lines"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error: Exception, code: int, says: str, tmp_path: Path) -> None:
    message, exit_code = error_messages.explain(error, tmp_path)
    assert exit_code == code
    assert says in message
    assert "\n" not in message


def test_a_name_that_the_locale_lacks_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = UnicodeEncodeError("ascii", "고양이.jpg", 0, 3, "ordinal not in range(128)")
    assert error_messages.explain(error, tmp_path)[1] == error_messages.INTERNAL_ERROR
    monkeypatch.setattr(error_messages.sys, "getfilesystemencoding", lambda: "ANSI_X3.4-1968")
    message, code = error_messages.explain(error, tmp_path)
    assert code == error_messages.USER_ERROR
    assert "ascii, has no '고양이'" in message
    assert "LC_ALL=C.UTF-8" in message


def test_a_full_disk_is_recognised_behind_other_exceptions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    message, code = error_messages.explain(RuntimeError("HDF5: write failed"), tmp_path)
    assert (code, "no space left" in message) == (2, True)


@pytest.mark.parametrize(
    "text",
    ["Using SOCKS proxy, but the 'socksio' package is not installed.", "Unknown scheme for proxy URL URL('a://b')"],
)
def test_a_proxy_that_prefect_cannot_use_is_named(text: str, tmp_path: Path) -> None:
    message, code = error_messages.explain(ImportError(text), tmp_path)
    assert (code, message.partition(" in the")[0]) == (2, "http_proxy or https_proxy")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("SavedModel: x.tmp; No space left on device"),
        ValueError("Unable to synchronously write (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_told_by_what_libraries_say(error: Exception, tmp_path: Path) -> None:
    message, code = error_messages.explain(error, tmp_path)
    assert (code, message.partition(" on the disk")[0]) == (2, f"{tmp_path}: no space left")


def test_each_error_of_the_file_system_with_a_known_remedy_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    error = FileExistsError(errno.EEXIST, "File exists", str(tmp_path / "link"))
    assert error_messages.explain(error, tmp_path)[1] == 2
    assert error_messages.explain(FileNotFoundError(errno.ENOENT, "no", str(tmp_path / "x")), tmp_path)[1] == 1
