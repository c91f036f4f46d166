"""The memory of a split: its name, its content, and what is forgotten."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from configs.schema import FilterConfig
from tasks.filter import bursts, image_stats
from tasks.filter.memory import memory_file, split_memory
from tasks.filter.memory.remembered import Header, Remembered
from tasks.filter.memory.split_memory import SplitMemory
from tasks.names import folder_name
from tasks.store.errors import UserError
from tasks.store.generations import Generations
from tests.helpers.nights import Nights, of_seeds

CONFIG = FilterConfig(memory="cats")


def remembered(count: int) -> Remembered:
    stats = np.zeros(count, image_stats.STATS_DTYPE)
    stats["hash"] = np.random.default_rng(0).integers(0, 256, stats["hash"].shape)
    stats["flaw"][:1] = b"x\x00y"
    taken = np.zeros(count, bursts.TAKEN_DTYPE)
    taken["camera"], taken["local_ms"] = b"camera", np.arange(count) * 1000
    return Remembered(
        Header.of(CONFIG, "cats"),
        photos=[f"{number:064x}" for number in range(count)],
        splits=(["train", "test", None] * count)[:count],
        trained=([True, False, True] * count)[:count],
        labels=([None, "cat"] * count)[:count],
        names=([("a", "b"), (), ("고양이",)] * count)[:count],
        pages=([()] * count)[:count],
        csv_groups=([("1",)] * count)[:count],
        groups=([None, "g"] * count)[:count],
        stats=stats,
        measured=np.arange(count) % 2 == 0,
        taken=taken,
        dated=np.arange(count) % 3 > 0,
        other_stats={f"{number:064x}": (3, b"old") for number in range(1, count, 4)},
    )


def same(one: Remembered, other: Remembered) -> bool:
    return memory_file.encode(one) == memory_file.encode(other)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("with_other", [False, True])
def test_what_is_written_is_read(tmp_path: Path, count: int, with_other: bool) -> None:
    before = remembered(count)
    before = before if with_other else replace(before, other_stats={})
    path = tmp_path / "memory"
    path.write_bytes(memory_file.encode(before))
    after = memory_file.decode(path)
    for name in ("photos", "splits", "trained", "labels", "names", "pages", "csv_groups", "groups"):
        assert list(getattr(after, name)) == list(getattr(before, name)), name
    assert after.header == before.header
    assert after.other_stats == before.other_stats
    np.testing.assert_array_equal(after.measured, before.measured)
    np.testing.assert_array_equal(after.dated, before.dated)
    np.testing.assert_array_equal(after.taken[after.dated], before.taken[before.dated])
    np.testing.assert_array_equal(after.stats[after.measured], before.stats[before.measured])
    assert same(before, after)


def test_the_photos_of_the_test_are_read_without_pandas(tmp_path: Path) -> None:
    before, path = remembered(7), tmp_path / "memory"
    path.write_bytes(memory_file.encode(before))
    assert memory_file.read_tests(path) == (before.header, {before.photos[1], before.photos[4]})
    code = (
        "import sys; from pathlib import Path; from tasks.filter.memory.memory_file import read_tests; "
        "read_tests(Path(sys.argv[1])); sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


@pytest.mark.parametrize("splits", [[], ["train", "test", "tests", None, "test"]])
def test_photos_of_the_test_in_a_table_as_pandas_writes_it(splits: list[str | None]) -> None:
    photos = [str(number) for number in range(len(splits))]
    table = pa.Table.from_pandas(pd.DataFrame({"photo": photos, "split": splits}, dtype=object))
    assert memory_file.tests_in(table) == {
        photo for photo, split in zip(photos, splits, strict=True) if split == "test"
    }


def test_rows_without_a_photo_are_those_of_the_others(tmp_path: Path) -> None:
    before = remembered(5)
    left = before.without({before.photos[1]})
    assert left.photos == [*before.photos[:1], *before.photos[2:]]
    assert left.splits == ["train", None, "train", "test"]
    assert left.other_stats == {}
    np.testing.assert_array_equal(left.stats, before.stats[[0, 2, 3, 4]])


def test_after_a_change_of_the_shares_only_tested_photos_keep_their_split() -> None:
    memory = remembered(3)
    first, second, _ = memory.photos
    assert memory.known(CONFIG) == {first: "train", second: "test"}
    for settings in ({"val_fraction": 0.3}, {"test_fraction": 0.3}, {"unseen_classes": ("cat",)}):
        assert memory.known(CONFIG.model_copy(update=settings)) == {second: "test"}
    assert memory.known(CONFIG.model_copy(update={"duplicate_bits": 8})) == memory.known(CONFIG)


NAMES = ["cats", "내 고양이", "a b", "a/b", "..", ".", ".hidden", "CON", "a\nb", "x" * 300, "고양이" * 40, "%41", "A"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_folder_of_its_own_below_the_memories(tmp_path: Path, name: str) -> None:
    memory = SplitMemory(FilterConfig(memory=name), tmp_path)
    with memory.lock:
        memory.write(memory.new())
    folders = list((tmp_path / "splits").iterdir())
    assert len(folders) == 1
    assert len(folders[0].name.encode()) < 200
    assert memory.read()
    assert len({folder_name(each) for each in NAMES}) == len(NAMES)


def test_one_name_in_two_unicode_forms_is_one_memory() -> None:
    assert folder_name("Caf\u00e9") == folder_name("Cafe\u0301")


def test_a_memory_that_another_version_wrote_is_refused(tmp_path: Path) -> None:
    memory = SplitMemory(CONFIG, tmp_path)
    with memory.lock:
        memory._files.write(b"no Parquet", None)
    with pytest.raises(UserError, match=r"has another form.*newer version of fluke.*filter\.seed"):
        memory.read()


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path, of_seeds(range(24)), CONFIG)


@pytest.mark.slow
def test_what_is_not_changed_is_not_written_again(nights: Nights) -> None:
    nights.run()
    files = sorted((nights.root / "splits").rglob("*.parquet"))
    nights.run(fresh=True)
    assert sorted((nights.root / "splits").rglob("*.parquet")) == files


@pytest.mark.slow
def test_forgetting_a_photo_leaves_no_trace_of_it_and_all_others_as_they_were(nights: Nights) -> None:
    nights.run()
    nights.crawl += of_seeds(range(30, 40))
    nights.run()
    nights.run(memory="dogs")
    before = SplitMemory(CONFIG, nights.root).read()
    assert before
    photo = before.photos[3]
    assert split_memory.forget(nights.root, [photo]) == 2
    after = SplitMemory(CONFIG, nights.root).read()
    assert after
    assert same(after, before.without([photo]))
    for home in (split_memory.FOLDER, split_memory.COPIES):
        files = list((nights.root / home).rglob("*.parquet"))
        assert len(files) == 2
        assert all(photo not in memory_file.decode(path).photos for path in files)
    assert split_memory.forget(nights.root, [photo]) == 0


def test_a_forget_that_was_killed_leaves_no_trace_when_it_is_repeated(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run()
    memory = SplitMemory(CONFIG, nights.root).read()
    assert memory

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Generations, "_delete", killed)
        with pytest.raises(KeyboardInterrupt):
            split_memory.forget(nights.root, [memory.photos[3]])
    split_memory.forget(nights.root, [memory.photos[3]])
    for path in nights.root.rglob("splits/**/*.parquet"):
        assert memory.photos[3] not in memory_file.decode(path).photos


def test_naming_a_memory_makes_no_file(tmp_path: Path) -> None:
    memory = SplitMemory(CONFIG, tmp_path / "data")
    assert memory.check() == 0
    assert not (tmp_path / "data").exists()


def test_a_photo_of_a_damaged_memory_cannot_be_forgotten(nights: Nights) -> None:
    nights.run()
    for home in (split_memory.FOLDER, split_memory.COPIES):
        for path in (nights.root / home).rglob("*.parquet"):
            path.write_bytes(b"")
    with pytest.raises(UserError, match=r"is damaged.*from a backup, or delete both"):
        split_memory.forget(nights.root, ["0" * 64])


def test_the_name_of_a_group_tells_nothing_about_its_photos(nights: Nights) -> None:
    nights.run(group_pattern="^(.)")
    memory = SplitMemory(CONFIG, nights.root).read()
    assert memory
    assert any(memory.groups)
    assert not any(photo.startswith(group) for photo in memory.photos for group in memory.groups if group)


def test_the_memory_is_read_on_a_read_only_disk(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    nights.run()
    next((nights.root / split_memory.COPIES).rglob("*.parquet")).unlink()

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tasks.store.generations.atomic_write", read_only)
    assert SplitMemory(CONFIG, nights.root).check() == 0


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o700), (0o002, 0o770), (0o077, 0o700)])
def test_a_memory_is_as_private_as_the_photos(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        Nights(tmp_path / "data", of_seeds(range(24)), CONFIG).run()
    finally:
        os.umask(before)
    for home in (split_memory.FOLDER, split_memory.COPIES):
        made = [tmp_path / "data" / home, *(tmp_path / "data" / home).rglob("*")]
        assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {mode}
        assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {mode & 0o666}
