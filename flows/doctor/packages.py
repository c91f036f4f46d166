"""The versions of Python and of installed packages, against those that fluke needs: some newer ones break Prefect."""

import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from flows.doctor.finding import Finding

_NAME = "fluke"


def examine(root: Path) -> Iterator[Finding]:
    """Compare the installed packages with those that fluke requires."""
    python = f"Python {platform.python_version()}"
    try:
        required = [Requirement(line) for line in metadata.requires(_NAME) or ()]
    except metadata.PackageNotFoundError:
        yield Finding("packages", f"{python}; fluke isn't installed as a package, so their versions aren't compared")
        return
    needed = [each for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = [found for each in needed if (found := _difference(each))]
    if wrong:
        install = " ".join(f"'{each.name}{each.specifier}'" for each in needed if _difference(each))
        yield Finding("packages", python, f"{'; '.join(wrong)}: run `pip install {install}`", stops_runs=True)
    else:
        yield Finding("packages", f"{python}; all {len(needed)} that fluke needs are installed in versions that fit")


def _difference(requirement: Requirement) -> str:
    """Return in which way an installed package differs from what is required; empty: in none."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} has version {version}, not {requirement.specifier}"
