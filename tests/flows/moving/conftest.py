from collections.abc import Iterator

import pytest

from tests.helpers.buckets import Bucket, new_bucket, s3_server


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, int]]:
    with s3_server() as address:
        yield address


@pytest.fixture
def s3(server: tuple[str, int], request: pytest.FixtureRequest) -> Iterator[Bucket]:
    with new_bucket(server, f"m{abs(hash(request.node.nodeid))}") as made:
        yield made
