"""The whole stage: every photo is kept or rejected, and splits have no leaks between runs."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs.schema import FilterConfig
from tasks.filter import image_stats
from tasks.filter.stage import external_inputs
from tests.helpers.filtering import CrawledPhotos, jpeg, valid_stats


def test_every_rejected_photo_has_its_reason(crawled: CrawledPhotos) -> None:
    whole = jpeg(0, (128, 128))
    expected = {
        crawled.add("a", b"<html></html>"): "web page",
        crawled.add("a", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"): "Git LFS pointer",
        crawled.add("a", b"\x89PNG\r\n\x1a\nno more"): "unreadable",
        crawled.add("a", whole[: len(whole) // 2]): "truncated",
        crawled.add("a", jpeg(50, (16, 64))): "too small",
        crawled.add("a", jpeg(2, quality=70)): "near duplicate",
    }
    both = crawled.add("a", jpeg(60))
    crawled.add("b", jpeg(60))
    again = crawled.add("a", jpeg(61), "first.jpg")
    crawled.add("a", jpeg(61), "second.jpg")
    near_a, near_b = crawled.add("a", jpeg(62)), crawled.add("b", jpeg(62, quality=70))
    kept, rejected, counts = crawled.filter()
    reasons = rejected.set_index("photo")["reason"]
    for photo, reason in expected.items():
        assert reasons[photo] == reason
    assert reasons[both].tolist() == ["two classes"] * 2
    assert reasons[[near_a, near_b]].tolist() == ["two classes"] * 2
    assert reasons[again] == "duplicate"
    assert again in set(kept["photo"])
    assert len(kept) == 21
    assert len(kept) + len(rejected) == len(crawled.rows)
    assert counts["kept"] == 21
    assert counts["two classes"] == 4


def test_result_does_not_depend_on_the_order_of_rows(crawled: CrawledPhotos, tmp_path: Path) -> None:
    first, _, _ = crawled.filter()
    other = CrawledPhotos(tmp_path / "other")
    for row in reversed(crawled.rows):
        other.add(str(row["label"]), (crawled.root / str(row["file"])).read_bytes(), str(row["name"]))
    second, _, _ = other.filter()
    pd.testing.assert_frame_equal(first, second)


def test_a_test_photo_replaced_by_a_larger_duplicate_is_still_in_the_test(crawled: CrawledPhotos) -> None:
    first, _, _ = crawled.filter()
    tested = first.index[first["split"] == "test"]
    names = [row["photo"] for row in crawled.rows]
    for photo in first.loc[tested, "photo"]:
        seed = names.index(photo)
        crawled.add(str(crawled.rows[seed]["label"]), jpeg(seed, (160, 160)))
    second, _, _ = crawled.filter()
    replaced = second[~second["photo"].isin(first["photo"])]
    assert len(replaced) == len(tested) > 0
    assert set(replaced["split"]) == {"test"}


@pytest.mark.slow
def test_a_photo_that_resembles_a_test_photo_of_an_earlier_run_is_in_the_test(crawled: CrawledPhotos) -> None:
    first, _, _ = crawled.filter()
    names = [row["photo"] for row in crawled.rows]
    tested = [names.index(photo) for photo in first.loc[first["split"] == "test", "photo"]]
    labels = [str(crawled.rows[seed]["label"]) for seed in tested]
    crawled.rows = [row for seed, row in enumerate(crawled.rows) if seed not in tested]  # gone in this run
    duplicates = {crawled.add(label, jpeg(seed, quality=70)) for seed, label in zip(tested, labels, strict=True)}
    for seed in range(300, 340):
        crawled.add("ab"[seed % 2], jpeg(seed))
    second, _, _ = crawled.filter()
    assert set(second.set_index("photo")["split"][list(duplicates)]) == {"test"}


def test_a_photo_that_a_link_moved_to_the_test_stays_there(
    crawled: CrawledPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: dict[bytes, np.ndarray] = {}

    def fake_stats(data: bytes) -> np.ndarray:
        row = valid_stats()
        row["hash"] = hashes.get(data, np.frombuffer(hashlib.sha256(data).digest(), np.uint8))
        return row

    monkeypatch.setattr(image_stats, "compute_stats", fake_stats)
    first, _, _ = crawled.filter()
    ours = first[first["label"] == "a"].set_index("split")["photo"]
    tested, trained = ours["test"] if isinstance(ours["test"], str) else ours["test"].iloc[0], ours["train"].iloc[0]
    assert external_inputs(FilterConfig(), crawled.root) == {"moves": 0}

    before = crawled.rows[:]
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(tested), np.uint8))
    other = np.unpackbits(np.frombuffer(bytes.fromhex(trained), np.uint8))
    apart = np.flatnonzero(bits != other)
    path = [int(bit) for bit in apart[::-1]]
    for step, start in enumerate(range(0, len(path), 8)):  # photos that link one to the other in small steps
        bits[path[start : start + 8]] ^= 1
        data = jpeg(500 + step)
        hashes[data] = np.packbits(bits)
        crawled.add("a", data)
    crawled.filter()
    assert external_inputs(FilterConfig(), crawled.root)["moves"] > 0

    crawled.rows = before
    again, _, _ = crawled.filter()
    assert again.set_index("photo")["split"][trained] == "test"


def test_rejected_duplicates_have_the_split_of_their_group(crawled: CrawledPhotos) -> None:
    for seed in range(20):
        crawled.add("ab"[seed % 2], jpeg(seed, quality=70))
    kept, rejected, _ = crawled.filter(FilterConfig(max_rejected=1))
    split = kept.set_index("photo")["split"]
    duplicates = rejected[rejected["reason"] == "near duplicate"]
    assert len(duplicates) == 20
    assert duplicates["split"].tolist() == split[duplicates["twin"]].tolist()


def test_leaks_are_counted_and_fixed(crawled: CrawledPhotos) -> None:
    first, _, counts = crawled.filter()
    assert "leaks fixed" not in counts
    tested, trained = (first[first["split"] == split]["photo"].iloc[0] for split in ("test", "train"))
    for row in crawled.rows:
        row["group"] = "one encounter" if row["photo"] in (tested, trained) else None
    second, _, counts = crawled.filter()
    assert set(second.set_index("photo")["split"][[tested, trained]]) == {"test"}
    assert counts["leaks fixed"] == 1


@pytest.mark.slow
def test_a_photo_moved_to_an_unseen_class_leaves_train(crawled: CrawledPhotos) -> None:
    for seed in range(200, 208):
        crawled.add("new", jpeg(seed))
    config = FilterConfig(unseen_classes=("new",))
    first, _, _ = crawled.filter(config)
    moved = first.loc[(first["label"] == "a") & (first["split"] == "train"), "photo"].iloc[0]
    crawled.decide(moved, "a", "move", "new")
    for seed in range(208, 220):
        crawled.add("new", jpeg(seed))
    second, _, _ = crawled.filter(config)
    splits = second[second["label"] == "new"].set_index("photo")["split"]
    assert len(splits) == 21
    assert set(splits) == {"val", "test"}
    before = first[first["label"] == "new"].set_index("photo")["split"]
    assert splits[before.index].equals(before)
    assert external_inputs(config, crawled.root)["moves"] == 1  # results that still train on it are computed again
