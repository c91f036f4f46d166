"""For all tests: slow ones first; reports may contain names that are not UTF-8; no test has the seed of another."""

import random
import sys
from collections.abc import Generator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, the longest before all: no process is left with it at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != "test_pipeline.py", item.path not in slow))


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
