"""The counter gives each number once, and always a higher one."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.store.counter import NAME, next_number
from tasks.store.manifest import CacheKey, Result
from tasks.store.store import Store


def publish(store: Store) -> int:
    """Publish an artifact with a key of its own; returns its number."""
    cache_key = CacheKey(stage="train", version=1, config={"of": len(store.manifests("train"))})
    return store.manifest(store.publish(cache_key, "", lambda _: Result({}))).number


def test_numbers_rise_by_one(tmp_path: Path) -> None:
    assert [next_number(tmp_path) for _ in range(3)] == [1, 2, 3]
    assert publish(Store(tmp_path)) == 4
    assert (tmp_path / NAME).read_bytes() == b"4\n"


@pytest.mark.parametrize("damaged", [None, b"", b"\0\0\0", b"7", b"-3\n", b"1e9\n", b"1\n2\n", b"\xff\xfe"])
def test_a_missing_or_damaged_counter_continues_above_all_numbers(tmp_path: Path, damaged: bytes | None) -> None:
    store = Store(tmp_path)
    assert [publish(store) for _ in range(3)] == [1, 2, 3]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "20270101-a.json").write_text('{\n "number": 41,\n "id": "20270101-a"')  # torn
    if damaged is None:
        (tmp_path / NAME).unlink()
    else:
        (tmp_path / NAME).write_bytes(damaged)
    assert next_number(tmp_path) == 42
    assert next_number(tmp_path) == 43


def test_a_number_that_is_not_at_the_beginning_of_its_file_counts_if_the_counter_is_lost(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "sorted.json").write_text('{"config": {}, "id": "' + "x" * 200 + '", "number": 9}')
    assert next_number(tmp_path) == 10


def test_a_counter_from_a_backup_does_not_repeat_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(5):
        publish(store)
    (tmp_path / NAME).write_text("2\n")
    assert next_number(tmp_path) == 6


def test_numbers_of_deleted_artifacts_are_not_given_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    publish(store)
    for manifest in store.manifests("train"):
        (store.folder(manifest.artifact) / "manifest.json").unlink()
    assert next_number(tmp_path) == 2


def _many(root: Path) -> list[int]:
    return [next_number(root) for _ in range(10)]


@pytest.mark.slow
def test_processes_and_threads_get_different_numbers(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool, ThreadPoolExecutor(3) as threads:
        given = [*pool.map(_many, [tmp_path] * 3), *threads.map(_many, [tmp_path] * 3)]
    assert all(numbers == sorted(numbers) for numbers in given)
    assert sorted(number for numbers in given for number in numbers) == list(range(1, 61))
