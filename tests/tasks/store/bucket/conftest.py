from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.store.bucket import copies
from tests.helpers.buckets import Bucket
from tests.helpers.hosts import Host


@pytest.fixture
def bucket(s3: Bucket) -> Bucket:
    return s3


@pytest.fixture
def hosts(bucket: Bucket, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    yield Host(tmp_path / "a", bucket), Host(tmp_path / "b", bucket)
    copies._mirrors.clear()
