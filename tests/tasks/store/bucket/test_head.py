import threading

import pytest

from tasks.store import hashing
from tasks.store.bucket.connect import connect
from tasks.store.bucket.head import ConflictError, PrunedError, Snapshot, Trees
from tasks.store.bucket.problems import BucketError
from tasks.store.manifest import FileRecord
from tests.helpers.buckets import QUICK, Bucket
from tests.helpers.faulty_proxy import Fault


def record(text: str) -> FileRecord:
    return FileRecord(bytes=len(text), sha256=hashing.of_bytes(text.encode()))


@pytest.fixture
def trees(request: pytest.FixtureRequest) -> Trees:
    return Trees.of(connect(f"memory://{request.node.name}", retries=QUICK))


def test_changes_of_two_writers_to_different_files_both_stay(trees: Trees) -> None:
    base = trees.read()
    trees.commit(base, {"runs/a.json": record("a")})
    trees.commit(base, {"runs/b.json": record("b")})
    assert trees.read().files == {"runs/a.json": record("a"), "runs/b.json": record("b")}


def test_the_second_writer_of_a_file_is_told_and_the_first_ones_stays(trees: Trees) -> None:
    base = trees.commit(trees.read(), {"decisions.csv": record("0")})
    trees.commit(base, {"decisions.csv": record("first")})
    with pytest.raises(ConflictError, match=r"decisions\.csv"):
        trees.commit(base, {"decisions.csv": record("second")})
    assert trees.read().files["decisions.csv"] == record("first")


def test_the_same_change_twice_is_no_conflict(trees: Trees) -> None:
    base = trees.read()
    trees.commit(base, {"a": record("1")})
    assert trees.commit(base, {"a": record("1")}).files == {"a": record("1")}


def test_what_is_as_good_stays(trees: Trees) -> None:
    base = trees.read()
    trees.commit(base, {"a": record("theirs")})
    assert trees.commit(base, {"a": record("mine")}, same=lambda path, mine, theirs: True).files == {
        "a": record("theirs")
    }


def test_a_deleted_file_is_gone_for_all(trees: Trees) -> None:
    base = trees.commit(trees.read(), {"a": record("1"), "b": record("2")})
    trees.commit(base, {"a": None})
    assert trees.read().files == {"b": record("2")}


def test_who_began_before_files_were_deleted_begins_anew(trees: Trees) -> None:
    base = trees.commit(trees.read(), {"a": record("1")})
    trees.commit(base, {"a": None}, keep=())
    with pytest.raises(PrunedError, match="run the same command again"):
        trees.commit(base, {"b": record("2")})
    trees.commit(trees.read(), {"b": record("2")})


def test_an_unchanged_tree_is_not_read_again(bucket: Bucket) -> None:
    trees = Trees.of(bucket.open())
    trees.commit(trees.read(), {"a": record("1")})
    reader = Trees.of(bucket.open())
    seen = reader.read()
    bucket.proxy.requests.clear()
    assert reader.read(seen) is seen
    assert bucket.proxy.requests == {"GET": 1}


@pytest.mark.slow
def test_commits_of_many_hosts_with_faults_lose_nothing(bucket: Bucket) -> None:
    faults: list[Fault] = ["500", "lose answer", "cut", "503", "truncate"]
    count = 0

    def fault(method: str, path: str) -> Fault | None:
        nonlocal count
        count += 1
        return faults[count // 3 % len(faults)] if count % 3 == 0 else None

    bucket.proxy.fault = fault

    def commit(host: int) -> None:
        trees = Trees.of(bucket.open())
        seen = trees.read()
        for number in range(3):
            seen = trees.commit(seen, {f"runs/{host}-{number}": record(f"{host} {number}")})

    threads = [threading.Thread(target=commit, args=(host,)) for host in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bucket.proxy.fault = lambda method, path: None
    found = Trees.of(bucket.open()).read()
    assert len(found.files) == found.number == 12


def test_a_damaged_head_is_said(trees: Trees) -> None:
    trees.objects.put("head.json", b"{}")
    with pytest.raises(BucketError, match=r"head\.json has a content without its SHA-256"):
        trees.read()


def test_a_tree_that_leads_out_of_the_data_folder_is_refused(trees: Trees) -> None:
    with pytest.raises(BucketError, match="damaged"):
        trees.read(trees.commit(Snapshot(), {"../escape": record("x")}) and None)
