"""Two machines with one bucket that decide at the same time: nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.schema import Config
from flows import model_names
from flows.merges import MERGES
from flows.models.decision import Decision
from flows.models.registry import Registry
from flows.run_records import RunRecord
from tasks.crawl import blocklist
from tasks.filter import review_log
from tasks.filter.review_log import ReviewKey
from tasks.store import counter
from tasks.store.bucket import copies
from tasks.store.bucket.head import ConflictError
from tasks.store.generations import Generations
from tests.helpers.buckets import Bucket
from tests.helpers.hosts import QUICK, Host


@pytest.fixture
def hosts(s3: Bucket, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    yield Host(tmp_path / "a", s3, QUICK, MERGES), Host(tmp_path / "b", s3, QUICK, MERGES)
    copies._mirrors.clear()


def sync(hosts: tuple[Host, Host]) -> None:
    for host in (*hosts, *hosts):
        host.mirror.sync()


def decide(host: Host, letter: str) -> None:
    review_log.add(host.root, [review_log.Decision(ReviewKey(letter * 64, "cat"), "keep")])


@pytest.mark.slow
def test_two_reviews_at_the_same_time(hosts: tuple[Host, Host]) -> None:
    decide(hosts[0], "a")
    sync(hosts)
    for host, letter in zip(hosts, "bc", strict=True):
        decide(host, letter)
    sync(hosts)
    logs = [review_log.read(host.root) for host in hosts]
    assert logs[0] == logs[1]
    assert sorted(key.photo[0] for key in logs[0]) == ["a", "b", "c"]
    assert not list(hosts[1].root.glob(".conflict-*"))


def test_a_merge_that_was_killed_goes_on(hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = hosts
    decide(a, "a")
    decide(b, "b")
    a.mirror.sync()
    with monkeypatch.context() as patched:
        patched.setattr("tasks.store.bucket.sync.Sync._download", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            b.mirror.sync()
    decide(b, "c")
    sync(hosts)
    for host in hosts:
        assert sorted(key.photo[0] for key in review_log.read(host.root)) == ["a", "b", "c"]


def test_a_log_that_cannot_be_merged_stays_for_its_owner(
    hosts: tuple[Host, Host], caplog: pytest.LogCaptureFixture
) -> None:
    a, b = hosts
    decide(a, "a")
    (b.root / review_log.NAME).write_text("damaged\n")
    a.mirror.sync()
    b.mirror.sync()
    assert "can't be merged" in caplog.text
    assert (b.root / f".conflict-{review_log.NAME}").read_text() == "damaged\n"
    assert len(review_log.read(b.root)) == 1


def run(number: int) -> RunRecord:
    return RunRecord.start("cats", "evaluate", Config(), number=number)


@pytest.mark.slow
def test_two_decisions_about_models_at_the_same_time(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    Registry(a.root, "cats").append(Decision.about(run(1), "promoted", "first", by="gate"))
    sync(hosts)
    of_a = Registry(a.root, "cats").append(Decision.about(run(2), "promoted", "of a", by="gate"))
    of_b = Registry(b.root, "cats").append(Decision.about(run(3), "promoted", "of b", by="person"))
    sync(hosts)
    for host in hosts:
        registry = Registry(host.root, "cats")
        assert [decision.reason for decision in registry.history()] == ["first", "of a", "of b"]
        assert registry.champions()[:2] == [of_b.run, of_a.run]
        assert not list(host.root.rglob(".conflict-*"))


def test_names_and_the_blocklist_have_what_both_gave(
    hosts: tuple[Host, Host], caplog: pytest.LogCaptureFixture
) -> None:
    for host, name in zip(hosts, ("one", "two"), strict=True):
        model_names.add(host.root, name, f"run-{name}")
        model_names.add(host.root, "both", f"run-{name}")
        blocklist.add(host.root, [f"https://x.org/{name}.jpg"])
    sync(hosts)
    for host in hosts:
        assert model_names.read(host.root) == {"one": "run-one", "two": "run-two", "both": "run-one"}
        assert blocklist.read(host.root) == {"https://x.org/one.jpg", "https://x.org/two.jpg"}
    assert "'both' was given to two runs" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1])
def test_a_deletion_stays_if_the_other_machine_changes_something_else(hosts: tuple[Host, Host], first: int) -> None:
    a, b = hosts
    for name in ("old", "stays"):
        model_names.add(a.root, name, f"run-{name}")
        blocklist.add(a.root, [f"https://x.org/{name}.jpg"])
    decide(a, "a")
    decide(a, "b")
    sync(hosts)
    model_names.delete(a.root, "old")
    path = a.root / blocklist.NAME
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "old" not in line))
    review_log.undo(a.root, [ReviewKey("b" * 64, "cat")])
    model_names.add(b.root, "new", "run-new")
    blocklist.add(b.root, ["https://x.org/new.jpg"])
    decide(b, "c")
    for host in (hosts[first], hosts[1 - first], hosts[first]):
        host.mirror.sync()
    for host in hosts:
        assert model_names.read(host.root) == {"stays": "run-stays", "new": "run-new"}
        assert blocklist.read(host.root) == {"https://x.org/stays.jpg", "https://x.org/new.jpg"}
        assert sorted(key.photo[0] for key in review_log.read(host.root)) == ["a", "c"]
        assert not list(host.root.glob(".conflict-*"))


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1])
def test_a_name_that_is_deleted_here_and_given_anew_there_is_that_of_the_new_run(
    hosts: tuple[Host, Host], first: int
) -> None:
    a, b = hosts
    model_names.add(a.root, "best", "run-1")
    sync(hosts)
    model_names.delete(a.root, "best")
    model_names.delete(b.root, "best")
    model_names.add(b.root, "best", "run-2")
    for host in (hosts[first], hosts[1 - first], hosts[first]):
        host.mirror.sync()
    assert [model_names.read(host.root) for host in hosts] == [{"best": "run-2"}] * 2


@pytest.mark.slow
def test_a_name_that_was_deleted_and_given_again_stays(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    model_names.add(a.root, "best", "run-1")
    sync(hosts)
    model_names.delete(a.root, "best")
    sync(hosts)
    model_names.add(a.root, "best", "run-1")
    model_names.add(b.root, "other", "run-2")
    sync(hosts)
    assert [model_names.read(host.root) for host in hosts] == [{"best": "run-1", "other": "run-2"}] * 2


@pytest.mark.slow
def test_a_deletion_stays_if_the_merge_was_killed(hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = hosts
    model_names.add(a.root, "old", "run-1")
    sync(hosts)
    model_names.delete(b.root, "old")
    model_names.add(a.root, "new", "run-2")
    a.mirror.sync()
    for place in ("sync.Sync._download", "conflicts.Conflicts.keep_bases", "tracked.write_base"):
        with monkeypatch.context() as patched:
            patched.setattr(f"tasks.store.bucket.{place}", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                b.mirror.sync()
    sync(hosts)
    assert [model_names.read(host.root) for host in hosts] == [{"new": "run-2"}] * 2


@pytest.mark.slow
def test_what_leaves_the_memory_of_a_split_does_not_come_back(hosts: tuple[Host, Host]) -> None:
    memories = [
        Generations(host.root / "splits" / "cats", host.root / "backups" / "splits" / "cats", suffix=".x", remedy="")
        for host in hosts
    ]
    a, b = hosts
    memories[0].write(b"1 2", None)
    sync(hosts)
    memories[1].write(b"1 2 3", memories[1].newest())  # by a run that was killed
    with a.mirror.used(exclusive=True):
        newest = memories[0].newest()
        assert newest
        memories[0].replace_all(b"2", newest)
    with pytest.raises(ConflictError, match="splits/cats"):
        b.mirror.sync()
    sync(hosts)
    for host, memory in zip(hosts, memories, strict=True):
        newest = memory.newest()
        assert newest
        assert newest.path.read_bytes() == b"2"
        assert {path.read_bytes() for path in host.root.rglob("[!.]*.x")} == {b"2"}


def test_two_runs_that_start_at_once_have_different_numbers(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    numbers = [counter.next_number(host.root, everywhere=True) for host in (a, b, b, a)]
    assert numbers == [1, 2, 3, 4]
    for _ in range(5):
        counter.next_number(b.root)  # of artifacts, which the bucket doesn't know yet
    assert counter.next_number(b.root, everywhere=True) == 9
    assert counter.next_number(a.root, everywhere=True) == 10
