"""Two hosts with one bucket: each has a folder of its own."""

import secrets
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from tasks.store.bucket.head import ConflictError, Snapshot, Trees
from tasks.store.bucket.lease import BusyError
from tasks.store.bucket.ledger import LEDGER
from tasks.store.errors import UserError
from tasks.store.generations import Generations
from tasks.store.manifest import CacheKey, Result
from tasks.store.shards import Shard
from tasks.store.stage import Outcome
from tests.helpers.buckets import Bucket
from tests.helpers.faulty_proxy import Fault
from tests.helpers.hosts import Host


@pytest.mark.slow
def test_what_one_host_has_built_another_reuses(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    first, second = a.train(), b.train()
    assert (a.built, b.built) == (1, 0)
    assert second.cached
    assert second.artifact == first.artifact
    assert a.weights(first.artifact) == b.weights(first.artifact)


@pytest.mark.slow
def test_of_two_that_build_at_once_one_waits_and_reuses(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    under_way = threading.Event()
    a.while_building = lambda: (under_way.set(), threading.Event().wait(0.5))[0]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(a.train)
        under_way.wait(30)
        second = pool.submit(b.train)
        assert first.result().artifact == second.result().artifact
    assert (a.built, b.built) == (1, 0)


@pytest.mark.slow
def test_of_two_builds_after_a_lost_lease_the_first_wins_and_both_use_it(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    winner: list[Outcome] = []

    def lose_the_lease() -> None:
        key = next(iter((a.root / "artifacts" / "train").glob(".partial-*"))).name.removeprefix(".partial-")
        stored = a.mirror._objects.state(f"leases/train-{key}.json")
        assert stored is not None
        a.mirror._objects.put_if(f"leases/train-{key}.json", b'{"holders":[],"nonce":"x"}', stored.generation)
        winner.append(b.train())

    a.while_building = lose_the_lease
    loser = a.train()
    assert (a.built, b.built) == (1, 1)
    assert loser.artifact == winner[0].artifact
    assert a.weights(loser.artifact) == b.weights(loser.artifact)
    for host in hosts:
        assert host.store.valid(host.store.folder(loser.artifact), verify=True)


def test_photos_come_when_the_artifact_is_checked(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    a.crawl(b"one", b"two")
    b.mirror.sync()
    assert not list(b.store.photos.glob("*/*"))
    (manifest,) = b.store.manifests("crawl")
    assert b.store.valid(b.store.folder(manifest.artifact))
    assert len(list(b.store.photos.glob("*/*"))) == 2


def test_shards_are_shared(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    shard = Shard.write(a.store.pools("extract") / "key", ["p"], np.ones((1, 3)))
    a.mirror.sync()
    b.mirror.sync()
    there = Shard.read(b.root / shard.path.relative_to(a.root), verify=True)
    assert there is not None
    assert there.rows == shard.rows


def test_an_artifact_that_was_not_uploaded_before_a_kill_is_uploaded_later(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    key = CacheKey(stage="train", version=1, config={})
    a.store.publish(key, "", lambda out: Result({"x": (out / "f").write_bytes(b"x")}))
    a.mirror.sync()
    b.mirror.sync()
    assert b.store.find(key, verify=True)


def test_the_second_change_of_a_list_is_set_aside_and_said(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    (a.root / "decisions.csv").write_text("a\n")
    (b.root / "decisions.csv").write_text("b\n")
    (b.root / "names.json").write_text("{}")
    a.mirror.sync()
    with pytest.raises(ConflictError, match=r"decisions\.csv"):
        b.mirror.sync()
    assert (b.root / "decisions.csv").read_text() == "a\n"
    assert (b.root / ".conflict-decisions.csv").read_text() == "b\n"
    b.mirror.sync()
    a.mirror.sync()
    assert (a.root / "names.json").read_text() == "{}"


def test_a_change_of_one_host_reaches_the_other(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    for text, (here, there) in (("1", (a, b)), ("22", (b, a)), ("333", (a, b))):
        (here.root / "decisions.csv").write_text(text)
        here.mirror.sync()
        there.mirror.sync()
        assert (there.root / "decisions.csv").read_text() == text


def test_generations_of_two_hosts_are_not_mixed(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    histories = [
        Generations(host.root / "models" / "cats", host.root / "backups" / "models" / "cats", suffix=".json", remedy="")
        for host in hosts
    ]
    histories[0].write(b"first", None)
    a.mirror.sync()
    b.mirror.sync()
    for text, history in zip((b"of a", b"of b"), histories, strict=True):
        history.write(text, history.newest())
    a.mirror.sync()
    with pytest.raises(ConflictError, match="models/cats"):
        b.mirror.sync()
    newest = histories[1].newest()
    assert newest is not None
    assert newest.path.read_bytes() == b"of a"
    assert not newest.damaged


@pytest.mark.slow
def test_deleted_files_come_back_unless_the_bucket_is_used_alone(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    outcome = a.train()
    folder = a.store.folder(outcome.artifact)
    (folder / "manifest.json").unlink()
    a.mirror.sync()
    assert (folder / "manifest.json").exists()
    with a.mirror.used(exclusive=True):
        (folder / "manifest.json").unlink()
    b.mirror.sync()
    assert (b.root / "artifacts" / "train").exists() is False
    assert b.store.manifests("train") == []
    assert len(list(a.mirror._objects.keys("blobs/"))) == 1  # the tree


@pytest.mark.slow
def test_what_another_host_has_deleted_is_uploaded_again(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    (a.root / "decisions.csv").write_text("content")
    a.mirror.sync()
    b.mirror.sync()
    with b.mirror.used(exclusive=True):
        (b.root / "decisions.csv").unlink()
    a.mirror.sync()
    assert not (a.root / "decisions.csv").exists()
    (a.root / "decisions.csv").write_text("content")
    a.mirror.sync()
    b.mirror.sync()
    assert (b.root / "decisions.csv").read_text() == "content"


@pytest.mark.slow
def test_nothing_is_deleted_while_another_host_is_at_work(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    with a.mirror.used(exclusive=False), pytest.raises(BusyError, match="is using it"), b.mirror.used(exclusive=True):
        pass


@pytest.mark.slow
def test_a_forgotten_photo_leaves_the_copies_of_other_hosts(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    gone, kept = a.crawl(b"forget me", b"keep me")
    with b.mirror.used(exclusive=True):
        (b.root / "forgotten.csv").write_text(f"what,forgotten_at\nhttps://x.org/1.jpg,2026\n{gone.stem},2026\n")
    assert gone.exists()
    a.mirror.sync()
    assert not gone.exists()
    assert kept.exists()


@pytest.mark.slow
def test_a_forgotten_photo_leaves_the_bucket_although_a_crawl_names_it(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    gone, _ = a.crawl(b"forget me", b"keep me")
    with a.mirror.used(exclusive=True):
        a.mirror.forget([gone.stem])
        gone.unlink()
    b.mirror.sync()
    b.mirror.bring_photos()
    assert [path.read_bytes() for path in b.store.photos.glob("*/*")] == [b"keep me"]


def add_row(host: Host, text: str) -> None:
    path = host.root / LEDGER
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table if not exists urls (url text)")
        database.execute("insert into urls values (?)", [text])


def rows(host: Host) -> list[str]:
    with closing(sqlite3.connect(host.root / LEDGER)) as database:
        return [url for (url,) in database.execute("select url from urls")]


@pytest.mark.slow
def test_crawlers_continue_each_others_ledger(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    for host, text in ((a, "1"), (b, "2"), (a, "3")):
        with host.mirror.building("crawl", "key"):
            add_row(host, text)
    assert rows(a) == ["1", "2", "3"]


@pytest.mark.slow
def test_a_ledger_that_another_crawler_has_uploaded_is_not_overwritten(hosts: tuple[Host, Host]) -> None:
    a, b = hosts

    def crawl_while_the_lease_is_lost() -> None:
        with a.mirror.building("crawl", "key"):
            add_row(a, "a")
            add_row(b, "b")
            b.mirror._snapshot = b.mirror._ledger.give(b.mirror._trees.read())

    with pytest.raises(ConflictError, match="ledger"):
        crawl_while_the_lease_is_lost()
    with a.mirror.building("crawl", "key"):
        assert rows(a) == ["b"]


@pytest.mark.slow
def test_with_a_server_that_stumbles_both_hosts_have_the_same(bucket: Bucket, hosts: tuple[Host, Host]) -> None:
    kinds: list[Fault] = ["500", "cut", "slow down", "truncate", "lose answer", "flip", "503"]
    count = 0

    def fault(method: str, path: str) -> Fault | None:
        nonlocal count
        count += 1
        return kinds[count // 4 % len(kinds)] if count % 4 == 0 else None

    bucket.proxy.fault = fault
    a, b = hosts
    a.crawl(*(secrets.token_bytes(5000) for _ in range(10)))
    first, second = a.train(), b.train()
    assert second.artifact == first.artifact
    (manifest,) = b.store.manifests("crawl")
    assert b.store.valid(b.store.folder(manifest.artifact), verify=True)


@pytest.mark.slow
def test_expired_credentials_stop_the_run_and_the_next_one_uploads(bucket: Bucket, hosts: tuple[Host, Host]) -> None:
    a, b = hosts

    def expire() -> None:
        bucket.proxy.fault = lambda method, path: "expired"

    a.while_building = expire
    with pytest.raises(UserError, match="expired"):
        a.train()
    bucket.proxy.fault = lambda method, path: None
    assert a.train().cached
    assert b.train().cached
    assert (a.built, b.built) == (1, 0)


def test_small_files_that_go_up_together_share_an_object(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    (a.root / "runs").mkdir()
    for number in range(20):
        (a.root / "runs" / f"{number}.json").write_text(str(number))
    a.mirror.sync()
    assert len(list(a.mirror._objects.keys("blobs/"))) == 2  # the pack, and the tree
    b.mirror.sync()
    assert [(b.root / "runs" / f"{number}.json").read_text() for number in range(20)] == list(map(str, range(20)))


@pytest.mark.slow
def test_a_pack_is_deleted_with_the_last_file_in_it(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    runs = [a.root / "runs" / f"{number}.json" for number in range(3)]
    runs[0].parent.mkdir()
    for run in runs:
        run.write_text(run.name)
    a.mirror.sync()
    for kept, gone in ((1, runs[:2]), (0, runs[2:])):
        with a.mirror.used(exclusive=True):
            for run in gone:
                run.unlink()
        b.mirror.sync()
        assert len(list((b.root / "runs").glob("*.json"))) == kept
    assert len(list(a.mirror._objects.keys("blobs/"))) == 1  # the tree
    runs[0].write_text(runs[0].name)  # the same content again
    a.mirror.sync()
    b.mirror.sync()
    assert (b.root / "runs" / runs[0].name).read_text() == runs[0].name


def test_a_refused_change_is_said_also_if_somebody_commits_meanwhile(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = hosts
    for host, text in zip(hosts, "ab", strict=True):
        (host.root / "splits").mkdir()
        (host.root / "splits" / "cats.parquet").write_text(text)
    a.mirror.sync()
    commit, calls = Trees.commit, 0

    def commit_second_time(*args: Any, **options: Any) -> Snapshot:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ConflictError("somebody else was faster")
        return commit(*args, **options)

    monkeypatch.setattr(Trees, "commit", commit_second_time)
    with pytest.raises(ConflictError, match=r"splits/cats\.parquet"):
        b.mirror.sync()
    assert (b.root / "splits" / "cats.parquet").read_text() == "a"
