"""For all tests: their reports may contain names that are not UTF-8; a test's seed isn't that of a test before it."""

import random
import sys
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Replace what is not UTF-8 in captured output: pytest-xdist can't send it to its parent process."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def seed_of_keras() -> None:
    """Let `keras.utils.set_random_seed` decide again, after a test that used `seed_everything`."""
    if found := sys.modules.get("keras.src.random.seed_generator"):
        found.python_random = random  # type: ignore[attr-defined]
