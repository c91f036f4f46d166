"""Photos that one camera took within a few seconds never straddle a split."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.schema import FilterConfig
from tasks.filter.bursts import NO_OFFSET, TAKEN_DTYPE, burst_names
from tasks.filter.memory import split_memory
from tasks.store.errors import UserError
from tests.helpers.exif import clock, jpeg_taken
from tests.helpers.filtering import CrawledPhotos, jpeg

MINUTE = 60_000


def taken(*rows: tuple[str, float, int]) -> np.ndarray:
    """Return photos by (camera, seconds on its clock, offset in minutes)."""
    return np.array([(camera.encode(), round(second * 1000), offset) for camera, second, offset in rows], TAKEN_DTYPE)


def together(names: dict[int, str]) -> set[frozenset[int]]:
    return {frozenset(row for row in names if names[row] == name) for name in names.values()}


N = NO_OFFSET


@pytest.mark.parametrize(
    ("rows", "bursts"),
    [
        ([("a", 0, N), ("a", 2, N), ("a", 4, N), ("a", 7, N)], {(0, 1, 2)}),  # chained
        ([("a", 2.5, N), ("a", 0.5, N)], {(0, 1)}),  # exactly burst_s apart, in any order
        ([("a", 0, N), ("b", 0, N)], set()),  # two cameras
        ([("", 0, N), ("", 0, N)], set()),  # no camera, or no time
        ([("a", 3600, 60), ("a", 0, 0)], {(0, 1)}),  # the same moment in two time zones
        ([("a", 0, 60), ("a", 0, 0)], set()),  # an hour apart
        ([("a", 0, 60), ("a", 1, N)], {(0, 1)}),  # without an offset, by the clock
        ([("a", 0, 60), ("a", 1, N), ("a", 2, 60)], {(0, 1, 2)}),
        ([], set()),
    ],
)
def test_bursts(rows: list, bursts: set) -> None:
    assert together(burst_names(taken(*rows), 2)) == {frozenset(burst) for burst in bursts}


def test_a_burst_of_no_time_is_of_equal_times() -> None:
    names = burst_names(taken(("a", 0, N), ("a", 0, N), ("a", 0.1, N)), 0)
    assert together(names) == {frozenset({0, 1})}


@pytest.fixture
def bursts(tmp_path: Path) -> CrawledPhotos:
    """Sixteen bursts of three photos, a second apart, a minute after each other, of two classes."""
    made = CrawledPhotos(tmp_path)
    for number in range(48):
        burst = number // 3
        made.add("ab"[burst % 2], jpeg_taken(number, clock(60 * burst + number % 3)), f"{number}.jpg")
    return made


def burst_of(name: str) -> int:
    return int(name.split(".", maxsplit=1)[0]) // 3


def test_bursts_are_in_one_split_of_a_whole_run(bursts: CrawledPhotos) -> None:
    apart, _, _ = bursts.filter()
    assert apart.groupby(apart["name"].map(burst_of))["split"].nunique().max() > 1
    kept, _, _ = bursts.filter(FilterConfig(burst_s=2, memory="grouped"))
    assert len(kept) == 48  # grouping rejects nothing
    assert kept.groupby(kept["name"].map(burst_of))["split"].nunique().max() == 1
    assert set(kept["split"]) == {"train", "val", "test"}


def test_photos_without_times_and_with_damaged_data_are_used_as_before(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for number in range(20):
        data = jpeg_taken(number, None) if number % 2 else jpeg(number)
        if number % 4 == 1:
            data = data.replace(b"Exif\0\0MM\0*\0\0\0\x08", b"Exif\0\0MM\0*\xff\xff\xff\x08")
        crawled.add("ab"[number // 10], data)
    with_times, _, _ = crawled.filter(FilterConfig(burst_s=10))
    without, _, _ = crawled.filter(FilterConfig(memory="without"))
    assert with_times["split"].tolist() == without["split"].tolist()


def test_a_clock_that_stands_still_is_named(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for number in range(20):
        crawled.add("ab"[number % 2], jpeg_taken(number, clock(0)))
    with pytest.raises(UserError, match=r"20 photos are one group .*filter\.burst_s=null divides them") as error:
        crawled.filter(FilterConfig(burst_s=10))
    assert "near duplicates" not in str(error.value)
    assert (crawled.filter(FilterConfig(memory="other"))[0]["split"] == "test").any()


def test_times_are_read_once_per_photo(bursts: CrawledPhotos, monkeypatch: pytest.MonkeyPatch) -> None:
    bursts.filter()
    monkeypatch.setattr("tasks.filter.bursts.read_taken", lambda path: pytest.fail(f"read again: {path}"))
    kept, _, _ = bursts.filter(FilterConfig(burst_s=2, memory="grouped"))
    assert kept.groupby(kept["name"].map(burst_of))["split"].nunique().max() == 1  # the times are known


def leave(crawled: CrawledPhotos, names: set[object]) -> None:
    """Remove photos from the crawl, from the data folder and from the caches."""
    for row in crawled.rows:
        if row["name"] in names:
            (crawled.root / str(row["file"])).unlink()
    crawled.rows = [row for row in crawled.rows if row["name"] not in names]


BETWEEN: dict[str, Callable[[CrawledPhotos], object]] = {
    "nothing": lambda crawled: None,
    "without burst_s": lambda crawled: crawled.filter(FilterConfig(memory="cats")),
    "forgotten": lambda crawled: split_memory.forget(crawled.root, ["f" * 64]),
}


@pytest.mark.slow
@pytest.mark.parametrize("first", [{"burst_s": 2}, {}])
@pytest.mark.parametrize("between", BETWEEN)
def test_a_burst_of_which_a_photo_was_tested_never_trains_later(
    bursts: CrawledPhotos, between: str, first: dict
) -> None:
    kept, _, _ = bursts.filter(FilterConfig(memory="cats", **first))
    tested = set(kept.loc[kept["split"] == "test", "name"].map(burst_of))
    assert tested
    leave(bursts, {row["name"] for row in bursts.rows if burst_of(str(row["name"])) in tested})
    for number in range(200, 230):
        bursts.add("ab"[number % 2], jpeg_taken(number, clock(60 * number)))
    BETWEEN[between](bursts)
    for burst in tested:
        bursts.add("ab"[burst % 2], jpeg_taken(1000 + burst, clock(60 * burst + 3)), f"late {burst}")
    kept, _, _ = bursts.filter(FilterConfig(memory="cats", burst_s=2))
    late = kept[kept["name"].str.startswith("late")]
    assert len(late) == len(tested)
    assert set(late["split"]) == {"test"}


def test_a_memory_of_an_earlier_version_says_what_it_can_not_compare(
    bursts: CrawledPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _, _ = bursts.filter(FilterConfig(memory="cats"))
    leave(bursts, {kept.loc[kept["split"] == "test", "name"].iloc[0]})
    monkeypatch.setattr("tasks.filter.bursts.VERSION", 2)
    bursts.filter(FilterConfig(memory="cats", burst_s=2))
    (note,) = [note for note in bursts.notes if "by time" in note]
    assert note.startswith("1 photo is no longer in the crawl")
    assert "1 of them were tested" in note


def test_a_memory_without_times_is_completed_from_the_stored_photos(
    bursts: CrawledPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _, _ = bursts.filter(FilterConfig(memory="cats"))
    name = kept.loc[kept["split"] == "test", "name"].iloc[0]
    bursts.rows = [row for row in bursts.rows if burst_of(str(row["name"])) != burst_of(name)]
    monkeypatch.setattr("tasks.filter.bursts.VERSION", 2)
    burst = burst_of(name)
    bursts.add("ab"[burst % 2], jpeg_taken(1000, clock(60 * burst + int(name.split(".")[0]) % 3)), "late")
    kept, _, _ = bursts.filter(FilterConfig(memory="cats", burst_s=0))
    assert kept.set_index("name")["split"]["late"] == "test"
    assert not [note for note in bursts.notes if "by time" in note]
