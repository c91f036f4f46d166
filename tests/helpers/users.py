"""Run the command line as made-up users of one group. Only root can do that; elsewhere the tests are skipped."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

TEAM, ALICE, BOB = 47_100, 47_001, 47_002
"""The number of a group, and of two users in it; nobody knows their names."""
_HERE = Path(__file__).parents[2]
_OPEN = """
mkdir -p "$1/closed" && mount --bind "$2" "$1/closed" && mount -t tmpfs -o mode=755 tmpfs "$2" && mkdir -p "$3" &&
mount --bind "$1/closed/${3#"$2"}" "$3" && shift 3 && exec "$@"
"""
"""Makes Python reachable if it is in a folder that only root may enter: in the mounts of this process only."""


def as_user(
    user: int, umask: int, command: list[str], home: Path, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command as a user of the group TEAM, and capture what it prints.

    Args:
        user: ALICE or BOB.
        umask: Of the command.
        command: The command and its arguments.
        home: The user's own folder, which is made for them.
        environment: Variables in addition to those of this process.
    """
    home.mkdir(exist_ok=True)
    os.chown(home, user, user)
    shell = ["bash", "-c", f'umask {umask:03o}; cd "$HOME"; exec "$@"', "bash"]
    switch = ["setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={TEAM}"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"HOME": str(home), "PYTHONPATH": str(_HERE), "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*_reachable(home), *switch, *shell, *command],
        env=inherited | own | (environment or {}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def fluke(user: int, umask: int, data: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    """Run `fluke ARGUMENTS` as a user, expect an exit code and no traceback; return what it printed."""
    command = [sys.executable, "-m", "flows.cli", *arguments]
    done = as_user(user, umask, command, home_of(user, data), {"FLUKE_DATA": str(data), **environment})
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def home_of(user: int, data: Path) -> Path:
    """Return the folder of a user next to a data folder."""
    return data.parent / f"home-{user}"


@contextmanager
def public_folder() -> Iterator[Path]:
    """Yield a temporary folder that every user may enter; those of pytest are for root only, also those above them."""
    with TemporaryDirectory(prefix="fluke-users-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@cache
def skip_without_users() -> None:
    """Skip the test where no other user can run commands."""
    if os.geteuid():
        pytest.skip("only root can run commands as other users")
    if subprocess.run(["setpriv", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("setpriv is not installed")


def _reachable(home: Path) -> list[str]:
    """Return the command before the command, if one of the folders above Python is closed to others."""
    library = Path(os.path.realpath(sysconfig.get_path("stdlib"))).parents[1]
    closed = next((folder for folder in reversed(library.parents) if not folder.stat().st_mode & 0o001), None)
    if closed is None:
        return []
    opened = ["unshare", "-m", "bash", "-c", _OPEN, "bash", str(home.parent), str(closed), str(library)]
    if subprocess.run([*opened, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"other users can't run {sys.executable}, which is in {closed}")
    return opened
