"""The key of a data folder's server: who can read it, and when it is made anew."""

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.server import key
from tasks.store.errors import UserError
from tasks.store.permissions import make_private_folder


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def prepare(root: Path) -> str:
    make_private_folder(root / "server", top=root / "server")
    key.close(root / "server")
    return key.prepare(root)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o600), (0o077, 0o600), (0o002, 0o660), (0o000, 0o660)])
def test_only_the_owner_reads_the_key_and_the_group_where_it_may_write(tmp_path: Path, mask: int, mode: int) -> None:
    with umask(mask):
        made = prepare(tmp_path)
    assert key.read(tmp_path) == prepare(tmp_path) == made
    assert stat.S_IMODE(key.file(tmp_path).stat().st_mode) == mode
    assert not (tmp_path / "server").stat().st_mode & 0o007


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o700), (0o750, 0o700), (0o775, 0o770), (0o2770, 0o2770)])
def test_a_folder_of_an_earlier_version_is_closed(tmp_path: Path, before: int, after: int) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server").chmod(before)
    prepare(tmp_path)
    assert stat.S_IMODE((tmp_path / "server").stat().st_mode) == after
    assert not key.file(tmp_path).stat().st_mode & 0o007


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_could_read_is_made_anew(tmp_path: Path, mode: int) -> None:
    with umask(0o022):
        exposed = prepare(tmp_path)
        key.file(tmp_path).chmod(mode)
        assert prepare(tmp_path) != exposed
    assert stat.S_IMODE(key.file(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "fluke:", "admin:0123456789012345678901234", "fluke:short", "\0" * 40])
def test_a_damaged_key_is_made_anew(tmp_path: Path, text: str) -> None:
    prepare(tmp_path)
    key.file(tmp_path).write_text(text)
    with pytest.raises(UserError, match=r"server/key has no key.*fluke down"):
        key.read(tmp_path)
    assert prepare(tmp_path).startswith("fluke:")


def test_a_link_in_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    prepare(tmp_path)
    key.file(tmp_path).unlink()
    (tmp_path / "theirs").write_text("fluke:" + "x" * 30)
    key.file(tmp_path).symlink_to(tmp_path / "theirs")
    assert "x" * 30 not in prepare(tmp_path)
    assert (tmp_path / "theirs").read_text() == "fluke:" + "x" * 30


def test_who_may_not_read_the_key_is_told_how_to_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(key, "read_regular", refuse)
    with pytest.raises(UserError, match=r"server/key: permission denied.*chmod g\+rwX"):
        key.read(tmp_path)


def test_the_link_to_the_dashboard_has_the_key_where_browsers_keep_it() -> None:
    assert key.dashboard("http://127.0.0.1:4200", "fluke:abc") == "http://127.0.0.1:4200/fluke/login#abc"
    assert key.dashboard("http://127.0.0.1:4200", None) == "http://127.0.0.1:4200"


def test_a_shell_that_takes_the_variables_has_the_key_and_they_do_not_show_it(tmp_path: Path) -> None:
    root = tmp_path / "data of the $team"
    made = prepare(root)
    line = key.variables(root, "http://127.0.0.1:4200/api", made)
    assert made not in line
    command = f"export {line}; printf %s $PREFECT_API_URL $PREFECT_API_AUTH_STRING"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == f"http://127.0.0.1:4200/api{made}"
    assert key.variables(root, "http://h/api", None) == "PREFECT_API_URL=http://h/api"
