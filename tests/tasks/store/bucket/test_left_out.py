"""The local copy of a bucket has a limit: what was used least recently is removed, and comes again when it is read."""

import errno
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.images import photo_files
from tasks.store import hashing
from tasks.store.bucket import copies
from tasks.store.bucket.problems import BucketError
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.manifest import FileRecord
from tasks.store.shards import Shard, ShardPool
from tests.helpers.buckets import Bucket
from tests.helpers.hosts import Host

ROWS = 1000


def add_shards(host: Host, count: int) -> tuple[list[Shard], pd.DataFrame]:
    """Write shards of 8 KB, and upload them; returns them with the index of their rows."""
    pool = host.store.pools("extract") / "key"
    shards = [
        Shard.write(pool, [f"{number}-{row}" for row in range(ROWS)], np.full((ROWS, 1), float(number)))
        for number in range(count)
    ]
    host.mirror.sync()
    names = [name for shard in shards for name in shard.photos]
    return shards, ShardPool(pool, tuple(shards)).index(names, host.root)


def use_all(host: Host) -> None:
    """Use the bucket for a moment: at the end, what is beyond the limit is removed."""
    with host.mirror.used(exclusive=False):
        pass


def was_used(path: Path, at: float) -> None:
    os.utime(path, ns=(int(at * 1e9), path.stat().st_mtime_ns))


def shards_here(host: Host) -> set[str]:
    return {path.name for path in host.store.pools("extract").rglob("[!.]*.npy")}


def context(host: Host) -> StageContext:
    return StageContext(root=host.root, out=host.root, pools=host.store.pools("extract"), photos=host.store.photos)


def test_what_was_used_least_recently_is_removed(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    shards, index = add_shards(host, 3)
    for age, shard in enumerate(shards):
        was_used(shard.path, 1000 + age)
    host.mirror.limit(2 * shards[0].record.bytes / 1e9)
    LazyRows(index, host.root)[[0]]  # the oldest is used again
    use_all(host)
    assert shards_here(host) == {shards[0].path.name, shards[2].path.name}


@pytest.mark.slow
def test_with_a_limit_smaller_than_a_shard_all_rows_are_read(hosts: tuple[Host, Host]) -> None:
    for host in hosts:
        host.mirror.limit(1e-9)
    shards, index = add_shards(hosts[0], 2)
    use_all(hosts[0])
    for host in hosts:
        host.mirror.sync()
        assert not shards_here(host)
        rows = LazyRows(index, host.root)[:]
        assert rows[:, 0].tolist() == [0.0] * ROWS + [1.0] * ROWS
        assert len(shards_here(host)) == 2
        use_all(host)
        assert not shards_here(host)
    pool = ShardPool.open(hosts[1].store.pools("extract") / "key", context(hosts[1]))
    assert {shard.path.name for shard in pool.shards} == {shard.path.name for shard in shards}


def test_rows_that_are_left_out_are_not_computed_again(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    shards, _ = add_shards(host, 1)
    host.mirror.limit(0)
    use_all(host)

    def compute(names: Mapping[str, str]) -> np.ndarray:  # type: ignore[type-arg]
        raise AssertionError(names)

    pool = ShardPool.open(host.store.pools("extract") / "key", context(host))
    _, new = pool.compute_missing(dict.fromkeys(shards[0].photos, ""), compute, context(host), label="rows")
    assert new == 0


def test_two_threads_that_need_the_same_file_both_get_it(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    _, index = add_shards(host, 1)
    host.mirror.limit(0)
    use_all(host)
    rows = LazyRows(index, host.root)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: float(rows[[number]][0, 0]), range(32)))
    assert found == [0.0] * 32


def test_what_was_not_uploaded_is_never_removed(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    host.mirror.sync()
    shard = Shard.write(host.store.pools("extract") / "key", ["p"], np.ones((1, 3)))
    photo = photo_files.put(host.store.photos, b"photo that no crawl names")[1]
    host.mirror.limit(0)
    host.mirror._trim(0)
    assert shard.path.exists()
    assert photo.exists()


@pytest.mark.slow
def test_photos_come_one_by_one_when_they_are_read(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    (one, two), record = a.crawl(b"one", b"two"), FileRecord.of
    a.mirror.limit(0)
    use_all(a)
    assert not one.exists()
    (manifest,) = a.store.manifests("crawl")
    assert a.store.valid(a.store.folder(manifest.artifact))
    assert not one.exists()
    assert photo_files.read(two) == b"two"
    assert record(two).sha256 == two.stem
    assert not one.exists()
    b.mirror.limit(0)  # a new machine has never had them
    b.mirror.sync()
    assert b.store.valid(b.store.folder(manifest.artifact))
    assert photo_files.read(b.root / one.relative_to(a.root)) == b"one"


@pytest.mark.slow
def test_without_a_limit_everything_comes_back(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    shards, _ = add_shards(host, 2)
    (photo, *_) = host.crawl(b"photo")
    copies.refresh(host.root, cache_gb=0)
    use_all(host)
    assert not shards_here(host)
    copies.refresh(host.root)
    assert shards_here(host) == {shard.path.name for shard in shards}
    assert photo.exists()


@pytest.mark.slow
def test_a_deletion_keeps_what_is_left_out(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    _, index = add_shards(a, 2)
    (photo, *_) = a.crawl(b"photo")
    a.mirror.limit(0)
    use_all(a)
    with a.mirror.used(exclusive=True):
        a.mirror.sync()
    assert LazyRows(index, a.root)[:].shape == (2 * ROWS, 1)
    assert photo_files.read(photo) == b"photo"
    b.mirror.sync()
    assert LazyRows(index, b.root)[:].shape == (2 * ROWS, 1)


@pytest.mark.slow
def test_a_shard_whose_description_is_deleted_leaves_the_bucket(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    (gone, kept), _ = add_shards(a, 2)
    a.mirror.limit(0)
    use_all(a)
    with a.mirror.used(exclusive=True):
        gone.path.with_suffix(".json").unlink()
    b.mirror.sync()
    b.mirror.bring_left_out()
    assert shards_here(b) == {kept.path.name}


def test_on_a_full_disk_what_the_stage_has_not_read_makes_room(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = hosts[0]
    (first, second), index = add_shards(host, 2)
    host.mirror.limit(first.record.bytes / 1e9)
    was_used(first.path, 1000)
    was_used(second.path, 2000)
    use_all(host)
    assert shards_here(host) == {second.path.name}
    host.mirror._stage_began = 3000
    fetch = host.mirror._trees.blobs.fetch

    def fetch_unless_full(record: FileRecord, path: Path) -> None:
        if shards_here(host):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        fetch(record, path)

    monkeypatch.setattr(host.mirror._trees.blobs, "fetch", fetch_unless_full)
    assert LazyRows(index[:ROWS], host.root)[[0]][0, 0] == 0.0
    assert shards_here(host) == {first.path.name}
    with pytest.raises(OSError, match="No space left"):  # the stage reads the first one
        LazyRows(index[ROWS:], host.root)[[0]]


def test_a_file_that_the_bucket_has_lost_is_named(hosts: tuple[Host, Host], bucket: Bucket) -> None:
    host = hosts[0]
    (shard,), index = add_shards(host, 1)
    host.mirror.limit(0)
    use_all(host)
    objects = bucket.open("data")
    for key in objects.keys("blobs/"):
        objects.delete(key)
    with pytest.raises(BucketError, match=f"{shard.record.sha256} is missing"):
        LazyRows(index, host.root)[[0]]


def test_a_fetched_file_is_compared_with_its_digest(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    (shard,), index = add_shards(host, 1)
    host.mirror.limit(0)
    use_all(host)
    LazyRows(index, host.root)[[0]]
    assert hashing.of_file(shard.path) == shard.record.sha256


def test_a_limit_below_what_a_stage_needs_is_said_once(
    hosts: tuple[Host, Host], caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts[0]
    host.mirror.limit(0)
    for number in range(2):
        with host.mirror.building("extract", "key"):
            Shard.write(host.store.pools("extract") / "key", [f"p{number}"], np.ones((1, 3)))
    assert not shards_here(host)
    assert caplog.text.count("store.cache_gb=0 is less than a stage reads and writes") == 1


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_what_is_removed_frees_the_disk(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    (shard,), index = add_shards(host, 1)
    LazyRows(index, host.root)[[0]]
    mapped = Path("/proc/self/maps")
    assert shard.path.name in mapped.read_text()
    host.mirror.limit(0)
    use_all(host)
    assert shard.path.name not in mapped.read_text()


@pytest.mark.slow
def test_a_forgotten_photo_is_missing_rather_than_left_out(hosts: tuple[Host, Host]) -> None:
    for host in hosts:
        host.mirror.limit(0)
    a, b = hosts
    gone, kept = a.crawl(b"forget me", b"keep me")
    b.mirror.sync()
    (manifest,) = b.store.manifests("crawl")
    assert b.store.valid(b.store.folder(manifest.artifact))
    with a.mirror.used(exclusive=True):
        a.mirror.forget([gone.stem])
        (a.root / "forgotten.csv").write_text(f"what,forgotten_at\n{gone.stem},2026\n")
    b.mirror.sync()
    for host in hosts:
        places = [host.root / path.relative_to(a.root) for path in (gone, kept)]
        assert [copies.leaves_out(place) for place in places] == [False, True]
        assert host.store.valid(host.store.folder(manifest.artifact)) is None
