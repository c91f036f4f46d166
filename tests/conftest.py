"""For all tests: one thread a process; slow ones first; reports may contain names that are not UTF-8; no test has the
seed of another; and a bucket of an S3 server for those that ask for one."""

import os
import random
import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.helpers.buckets import Bucket

# The processes of the tests share the cores, and threads that wait for each other cost a tenth of the time.
# TensorFlow and NumPy read these when they are imported, here and in the processes that the tests start.
for _library in ("OMP_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
    os.environ.setdefault(f"{_library}_THREADS", "1")


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


@pytest.fixture(scope="session")
def s3_address() -> Iterator[tuple[str, int]]:
    """Host and port of an S3 server."""
    from tests.helpers.buckets import s3_server  # its imports take a second, and few tests need them

    with s3_server() as address:
        yield address


@pytest.fixture
def s3(s3_address: tuple[str, int], request: pytest.FixtureRequest) -> "Iterator[Bucket]":
    """A new, empty bucket."""
    from tests.helpers.buckets import new_bucket

    with new_bucket(s3_address, f"b{abs(hash(request.node.nodeid))}") as made:
        yield made
