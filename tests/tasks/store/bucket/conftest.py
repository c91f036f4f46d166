from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.store.bucket import copies
from tests.helpers.buckets import Bucket, new_bucket, s3_server
from tests.helpers.hosts import Host


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, int]]:
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(server: tuple[str, int], request: pytest.FixtureRequest) -> Iterator[Bucket]:
    with new_bucket(server, f"b{abs(hash(request.node.nodeid))}") as made:
        yield made


@pytest.fixture
def hosts(bucket: Bucket, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    yield Host(tmp_path / "a", bucket), Host(tmp_path / "b", bucket)
    copies._mirrors.clear()
