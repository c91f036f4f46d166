"""Which labelled photos are scored, and why the others aren't."""

import hashlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.check.source import config_of
from flows.score.photos import CONTRADICTED, SEEN, TWICE, UNKNOWN, UNREADABLE, Labelled, find_photos, match_classes
from tasks.store.errors import UserError
from tasks.store.progress import silent


def write(path: Path, seed: int) -> str:
    """Write a photo; returns its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(rough, (64, 64), interpolation=cv2.INTER_CUBIC))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find(source: Path, *settings: str, known: Collection[str] = ("cat", "dog"), seen: Collection[str] = ()) -> Labelled:
    with ThreadPoolExecutor(2) as threads:
        return find_photos(
            config_of(source, settings), list(known), seen, unknown_label=None, threads=threads, progress=silent
        )


def left_out(found: Labelled) -> dict[str, str]:
    return {each.name: each.reason for each in found.left_out}


def test_each_photo_that_is_not_scored_is_named_with_the_reason(tmp_path: Path) -> None:
    trained = write(tmp_path / "cat" / "trained.png", 1)
    write(tmp_path / "cat" / "good.png", 2)
    write(tmp_path / "cat" / "same.png", 2)
    write(tmp_path / "cat" / "both.png", 3)
    write(tmp_path / "dog" / "both.png", 3)
    write(tmp_path / "fox" / "who.png", 4)
    (tmp_path / "dog" / "cut.png").write_bytes((tmp_path / "dog" / "both.png").read_bytes()[:60])
    found = find(tmp_path, seen={trained})
    assert found.photos["name"].tolist() == ["cat/good.png"]
    assert left_out(found) == {
        "cat/trained.png": SEEN,
        "cat/same.png": TWICE,
        "cat/both.png": CONTRADICTED,
        "dog/both.png": CONTRADICTED,
        "fox/who.png": UNKNOWN,
        "dog/cut.png": UNREADABLE,
    }
    assert next(each.detail for each in found.left_out if each.reason == UNREADABLE) in ("truncated", "unreadable")


def test_near_duplicates_and_photos_of_one_group_are_one_group(tmp_path: Path) -> None:
    for name, seed in (("1", 1), ("2", 2), ("burst-3", 3), ("burst-4", 4)):
        write(tmp_path / "cat" / f"{name}.png", seed)
    pixels = cv2.imread(str(tmp_path / "cat" / "1.png"))
    cv2.imwrite(str(tmp_path / "cat" / "1 again.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    found = find(tmp_path, "filter.group_pattern=burst")
    groups = dict(zip(found.photos["name"], found.photos["group"], strict=True))
    assert groups["cat/1.png"] == groups["cat/1 again.jpg"] != groups["cat/2.png"]
    assert groups["cat/burst-3.png"] == groups["cat/burst-4.png"] != groups["cat/2.png"]


def test_a_csv_may_have_one_class_only_and_columns_of_other_names(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1)
    (tmp_path / "labels.csv").write_text("file,species\na.png,Dog\n")
    found = find(tmp_path / "labels.csv", "crawl.columns.image=file", "crawl.columns.label=species")
    assert found.photos[["name", "label"]].to_numpy().tolist() == [["a.png", "dog"]]
    assert found.notes == ["class 'Dog' is taken for the model's 'dog'"]


@pytest.mark.parametrize(
    ("given", "known", "found"),
    [
        ("cat", ["cat", "Cat"], "cat"),
        ("CAT", ["cat"], "cat"),
        ("big cat ", ["Big_Cat"], "Big_Cat"),
        ("CAT", ["cat", "Cat"], None),  # two look alike
        ("cats", ["cat"], None),
    ],
)
def test_classes_are_matched_as_people_read_them(given: str, known: list[str], found: str | None) -> None:
    assert match_classes([given], known)[0].get(given) == found


def test_a_source_without_a_known_class_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "fox" / "1.png", 1)
    with pytest.raises(UserError, match=r"the model knows none of its classes \(fox\); it knows cat, dog; use these"):
        find(tmp_path)
