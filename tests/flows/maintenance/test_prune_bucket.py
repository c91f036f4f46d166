"""Pruning a data folder in a bucket: photos that no kept run needs leave the bucket when the user asks for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.schema import Config
from flows.console import traces_lines
from flows.maintenance import forget as forgetting
from flows.maintenance.prune import Unneeded, delete, find_unneeded
from flows.run_records import RunRecord
from tasks.store import hashing
from tasks.store.bucket import copies
from tasks.store.manifest import Manifest
from tasks.store.stage import Outcome
from tests.helpers.buckets import Bucket
from tests.helpers.hosts import QUICK, Host


@pytest.fixture
def hosts(s3: Bucket, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    yield Host(tmp_path / "a", s3, QUICK), Host(tmp_path / "b", s3, QUICK)
    copies._mirrors.clear()


def crawl(host: Host, *data: bytes) -> Manifest:
    host.crawl(*data)
    return max(host.store.manifests("crawl"), key=lambda manifest: manifest.number)


def keep(host: Host, manifest: Manifest) -> None:
    """Let a run need a crawl."""
    record = RunRecord.start("cats", "crawl", Config(), number=manifest.number)
    record.add(Outcome(manifest.artifact, cached=False, why="", manifest=manifest), 1.0)
    record.end("done")
    record.save(host.root)
    host.mirror.sync()


def leave_out(host: Host) -> None:
    host.mirror.limit(0)
    with host.mirror.used(exclusive=False):
        pass
    assert not list(host.store.photos.glob("*/*"))


def in_bucket(bucket: Bucket, *data: bytes) -> list[bool]:
    objects = bucket.open("data")
    return [
        objects.exists(f"blobs/{digest[:2]}/{digest}", len(each)) for each in data if (digest := hashing.of_bytes(each))
    ]


def reasons(unneeded: list[Unneeded]) -> list[tuple[str, int]]:
    return sorted((item.reason, item.bytes) for item in unneeded if "photo" in item.reason)


@pytest.mark.slow
def test_unused_photos_that_the_copy_has_left_out_leave_the_bucket(s3: Bucket, hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    keep(a, crawl(a, b"kept", b"both"))
    crawl(a, b"old", b"both", b"older")
    leave_out(a)
    assert not reasons(find_unneeded(a.store, 1))
    unneeded = find_unneeded(a.store, 1, photos=True)
    assert reasons(unneeded) == [("photo that no kept crawl contains", len(each)) for each in (b"old", b"older")]
    assert delete(a.store, unneeded, 1, photos=True) == sum(item.bytes for item in unneeded)
    assert in_bucket(s3, b"kept", b"both", b"old", b"older") == [True, True, False, False]
    assert find_unneeded(a.store, 1, photos=True) == []
    b.mirror.sync()
    b.mirror.bring_photos()
    assert sorted(path.read_bytes() for path in b.store.photos.glob("*/*")) == [b"both", b"kept"]


@pytest.mark.slow
def test_photos_of_a_pruned_crawl_stay_in_the_bucket_whichever_machine_prunes(
    s3: Bucket, hosts: tuple[Host, Host]
) -> None:
    a, b = hosts
    keep(a, crawl(a, b"kept"))
    crawl(a, b"old", b"older")
    leave_out(a)
    b.mirror.sync()  # it never had a photo
    assert delete(b.store, find_unneeded(b.store, 1), 1)
    assert len(b.store.manifests("crawl")) == 1
    assert in_bucket(s3, b"kept", b"old", b"older") == [True] * 3
    a.mirror.sync()
    a.mirror.limit(None)
    a.mirror.bring_left_out()
    assert len(list(a.store.photos.glob("*/*"))) == 3
    delete(a.store, find_unneeded(a.store, 1), 1)  # another deletion doesn't lose them
    assert in_bucket(s3, b"old", b"older") == [True, True]
    unneeded = find_unneeded(b.store, 1, photos=True)
    assert reasons(unneeded) == [("photo that no kept crawl contains", len(each)) for each in (b"old", b"older")]
    delete(b.store, unneeded, 1, photos=True)
    assert in_bucket(s3, b"kept", b"old", b"older") == [True, False, False]
    a.mirror.sync()
    here = {path.read_bytes() for path in a.store.photos.glob("*/*")}
    assert here == {b"kept", b"old", b"older"}  # its own copies, which `prune` there finds
    assert reasons(find_unneeded(a.store, 1, photos=True)) == reasons(unneeded)


@pytest.mark.slow
def test_a_photo_that_a_run_needs_again_meanwhile_stays(s3: Bucket, hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    keep(a, crawl(a, b"kept"))
    old = crawl(a, b"old", b"older")
    leave_out(a)
    agreed = find_unneeded(a.store, 1, photos=True)
    assert len(reasons(agreed)) == 2
    b.mirror.sync()
    keep(b, old)
    delete(a.store, agreed, 1, photos=True)
    assert in_bucket(s3, b"kept", b"old", b"older") == [True] * 3
    assert a.store.valid(a.store.folder(old.artifact))


@pytest.mark.slow
def test_photos_stay_in_the_bucket_if_prune_is_killed(
    s3: Bucket, hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _ = hosts
    keep(a, crawl(a, b"kept"))
    old = crawl(a, b"old", b"older")
    leave_out(a)
    unneeded = find_unneeded(a.store, 1, photos=True)
    with monkeypatch.context() as patched:
        patched.setattr("flows.maintenance.prune.delete_item", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            delete(a.store, unneeded, 1, photos=True)
    assert in_bucket(s3, b"old", b"older") == [True, True]
    assert a.store.valid(a.store.folder(old.artifact))
    assert delete(a.store, unneeded, 1, photos=True)
    assert in_bucket(s3, b"kept", b"old", b"older") == [True, False, False]


def test_a_photo_to_forget_that_only_the_bucket_has_is_shown(hosts: tuple[Host, Host]) -> None:
    a, _ = hosts
    crawl(a, b"forget me", b"keep me")
    leave_out(a)
    traces = forgetting.find_traces(a.store, hashing.of_bytes(b"forget me"))
    assert traces.files == ()
    assert [path.stem for path in traces.elsewhere] == [hashing.of_bytes(b"forget me")]
    assert traces_lines(traces, a.store)[0] == f"{traces.elsewhere[0]}  only in the bucket"


@pytest.mark.slow
def test_forgetting_one_photo_with_all_that_it_is_in_keeps_the_others(s3: Bucket, hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    crawl(a, b"forget me", b"keep me")
    b.mirror.sync()  # it never had a photo
    traces = forgetting.find_traces(b.store, hashing.of_bytes(b"forget me"))
    forgetting.forget(b.store, traces, purge=True)
    assert b.store.manifests("crawl") == []
    assert in_bucket(s3, b"forget me", b"keep me") == [False, True]
