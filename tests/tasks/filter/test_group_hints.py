"""Photos that seem to belong together but are in different splits are pointed out, with what would group them."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import FilterConfig
from tasks.filter.group_hints import suggested_groups
from tests.helpers.exif import clock, jpeg_taken
from tests.helpers.filtering import CrawledPhotos, jpeg

Named = tuple[str, str]
"""Name and class."""


def table(photos: list[Named]) -> pd.DataFrame:
    names, labels = zip(*photos, strict=True)
    return pd.DataFrame({"photo": [f"{i:064x}" for i in range(len(names))], "name": names, "label": labels})


def encounters(number: int) -> Named:
    animal, encounter = number // 8, number // 2
    return f"{animal}_{encounter}_{'left' if number % 2 else 'right'}photo.jpg", f"id_{animal}"


SCENES: dict[str, tuple[Callable[[int], Named], str]] = {
    "individual, encounter, side": (encounters, r"^(\d+_\d+)"),
    "folders of classes": (lambda i: (f"{'ab'[i % 2]}/{i % 12}-{i // 12}.jpg", "ab"[i % 2]), r"^(\D*\d+)"),
    "tracks of signs": (
        lambda i: (f"{i // 60:05}/{i // 20:05}_{i % 20:05}.ppm", f"{i // 60:05}"),
        r"^(\d+/\d+)",
    ),
    "hands": (lambda i: (f"{['rock', 'paper'][i % 2]}{i // 20:02}-{i % 20:03}.png", f"c{i % 2}"), r"^(\D*\d+)"),
    "patients": (lambda i: (f"patient{i // 5}_view{i % 5}.png", ["ill", "sound"][i // 5 % 2]), r"^(patient\d+)"),
    "videos": (lambda i: (f"v_c{i % 3}_g{i // 12:02}_frame{i}.jpg", f"c{i % 3}"), r"^(v_c\d+_g\d+)"),
}


@pytest.mark.parametrize("case", SCENES)
def test_names_that_suggest_scenes(case: str) -> None:
    name, pattern = SCENES[case]
    photos = [name(number) for number in range(240)]
    suggested = suggested_groups(table(photos))
    assert suggested is not None
    assert suggested.pattern == pattern
    matches = [re.search(pattern, photo) for photo, _ in photos]
    assert [match[1] if match else None for match in matches] == list(suggested.of_row.values())


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


USUAL: dict[str, Callable[[int], Named]] = {
    "class and number": lambda i: (f"glass/glass{i}.jpg" if i % 2 else f"metal/metal{i}.jpg", "gm"[i % 2]),
    "in parts": lambda i: (f"{('train', 'test')[i % 3 == 0]}/{'cd'[i % 2]}/{'cd'[i % 2]}.{i}.jpg", "cd"[i % 2]),
    "camera": lambda i: (f"IMG_{i:04}.jpg", "ab"[i % 2]),
    "camera, by class": lambda i: (f"{'ab'[i % 2]}/IMG_{i // 2:04}.jpg", "ab"[i % 2]),
    "camera and folder of the card": lambda i: (f"{100 + i // 120}CANON/IMG_{i:04}.jpg", "ab"[i // 120]),
    "a few copies": lambda i: (f"IMG_{i:04}.jpg" if i % 12 else f"IMG_{i + 1:04} (1).jpg", "ab"[i // 120]),
    "digests": lambda i: (f"{digest(i)}.jpg", "ab"[i % 2]),
    "digests, one class much larger": lambda i: (f"{digest(i)}.jpg", "ab"[i % 20 == 0]),
    "individuals": lambda i: (f"{i // 8:04}_{i % 8:02}.jpg", f"id_{i // 8}"),
    "class with a number": lambda i: (f"n01440{i // 60}_{i * 37 % 1009}.JPEG", f"n01440{i // 60}"),
    "one class": lambda i: (f"{i // 4}_{i % 4}.jpg", "a"),
    "no numbers": lambda i: (f"{digest(i).translate(str.maketrans('0123456789', 'ghijklmnop'))}.jpg", "ab"[i % 2]),
    "size in the name": lambda i: (f"cat{i}_640x480.jpg", "ab"[i % 2]),
    "number of the class at the end": lambda i: (f"{i:04}_{i % 2}.jpg", str(i % 2)),
}


@pytest.mark.parametrize("case", USUAL)
def test_usual_names_suggest_nothing(case: str) -> None:
    assert suggested_groups(table([USUAL[case](number) for number in range(240)])) is None


def test_rows_of_one_photo_count_once() -> None:
    photos = table([(f"{i // 2}_{i % 2}.jpg", "ab"[i // 2 % 2]) for i in range(40)])
    photos["photo"] = [f"{i // 2:064x}" for i in range(40)]
    assert suggested_groups(photos) is None


@pytest.fixture
def named(tmp_path: Path) -> CrawledPhotos:
    """Forty photos of two classes, four of each scene, as their names say."""
    made = CrawledPhotos(tmp_path)
    for number in range(40):
        scene = number // 4
        made.add("ab"[scene % 2], jpeg(number), f"{'ab'[scene % 2]}/{scene}_{number % 4}.jpg")
    return made


def hints(crawled: CrawledPhotos, **settings: object) -> list[str]:
    crawled.filter(FilterConfig.model_validate(settings))
    return [note for note in crawled.notes if "makes the test too easy" in note or "the test is too easy" in note]


def test_a_run_names_the_pattern(named: CrawledPhotos) -> None:
    (hint,) = hints(named)
    assert r"filter.group_pattern='^(\D*\d+)' puts it in one split" in hint
    assert hints(named, group_pattern=r"^(\D*\d+)", memory="grouped") == []
    assert not [note for note in named.notes if "check the pattern" in note]


def test_nothing_is_said_where_the_user_groups(named: CrawledPhotos) -> None:
    assert hints(named, burst_s=1) == []
    for number, row in enumerate(named.rows):
        row["group"] = str(number // 2)
    assert hints(named) == []


def test_names_on_the_web_are_nobodys_pattern(named: CrawledPhotos) -> None:
    for number, row in enumerate(named.rows):
        row["page"] = f"https://example.org/{number}"
    assert hints(named) == []


def test_a_run_names_burst_s(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for number in range(40):
        crawled.add("ab"[number // 4 % 2], jpeg_taken(number, clock(100 * (number // 4) + 5 * (number % 4))))
    (hint,) = hints(crawled)
    assert "filter.burst_s=10 puts it in one split" in hint
    assert hints(crawled, burst_s=10, memory="grouped") == []


@pytest.mark.parametrize("seconds_between", [0, 5, 11])
def test_a_clock_that_stands_still_or_a_camera_that_never_pauses_is_no_burst(
    tmp_path: Path, seconds_between: int
) -> None:
    crawled = CrawledPhotos(tmp_path)
    for number in range(40):
        crawled.add("ab"[number % 2], jpeg_taken(number, clock(seconds_between * number)))
    assert hints(crawled) == []
