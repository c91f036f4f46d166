"""`fluke --version`: what to name in a bug report, without importing any of it."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

import flows
from flows.cli.errors import say

_NAMED = {"prefect": "Prefect", "keras": "Keras", "tensorflow": "TensorFlow", "jax": "JAX"}
_GIT_TIMEOUT_S = 5


def print_version(asked: bool) -> None:
    """Print the versions of fluke, of Python and of the packages that matter most, and end the command."""
    if asked:
        say(text(Path(flows.__file__).parents[1]))
        raise typer.Exit


def text(repository: Path) -> str:
    """Return the versions in one line; of a checkout also its commit.

    Args:
        repository: The folder that would have `.git` in a checkout.
    """
    own = " ".join(filter(None, ["fluke", _version("fluke") or "(not installed)", _commit(repository)]))
    others = [f"{name} {found}" for package, name in _NAMED.items() if (found := _version(package))]
    return ", ".join([own, f"Python {platform.python_version()}", *others])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit(repository: Path) -> str:
    """Return the commit of a checkout, and whether files differ from it; empty without a checkout or without git."""
    if not (repository / ".git").exists():
        return ""
    git = ["git", "-C", str(repository), "describe", "--always", "--exclude=*", "--dirty=, changed"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"(commit {done.stdout.strip()})"
