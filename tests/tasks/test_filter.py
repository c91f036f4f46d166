"""The filter: every flaw has its reason, nothing is lost, and nights don't leak."""

import hashlib
import logging
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from configs.schema import FilterConfig
from tasks.filter import Buckets, build_kept, judge, observe
from tasks.support import facts, photos
from tasks.support.errors import UserError
from tasks.support.job import Job


def jpeg(seed: int, size: tuple[int, int] = (96, 96), quality: int = 90) -> bytes:
    rough = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    out = BytesIO()
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


class Shoot:
    """Photos put into a data folder, and the crawl's table of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[dict[str, object]] = []

    def add(self, label: str, data: bytes, name: str = "") -> str:
        sha256, path = photos.put(self.root / "photos", data)
        rank = len(self.rows)
        row = {"photo": sha256, "file": path.relative_to(self.root).as_posix(), "label": label, "rank": rank}
        self.rows.append(row | {"name": name or f"{rank}.jpg"})
        return sha256

    def filter(self, config: FilterConfig | None = None) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
        number = len(list(self.root.glob("out*")))
        crawl, out = self.root / f"crawl{number}", self.root / f"out{number}"
        crawl.mkdir()
        out.mkdir()
        pd.DataFrame(self.rows).to_parquet(crawl / "photos.parquet")
        job = Job(self.root, out, self.root / "pools", self.root / "photos")
        result = build_kept(config or FilterConfig(), photos=crawl, job=job)
        return pd.read_parquet(out / "kept.parquet"), pd.read_parquet(out / "rejected.parquet"), result.counts


@pytest.fixture
def shoot(tmp_path: Path) -> Shoot:
    made = Shoot(tmp_path)
    for seed in range(20):
        made.add("ab"[seed % 2], jpeg(seed))
    return made


def test_every_flaw_has_its_reason(shoot: Shoot) -> None:
    whole = jpeg(0, (128, 128))
    expected = {
        shoot.add("a", b"<html></html>"): "unreadable",
        shoot.add("a", whole[: len(whole) // 2]): "truncated",
        shoot.add("a", jpeg(50, (16, 64))): "too small",
        shoot.add("a", jpeg(2, quality=70)): "near duplicate",
    }
    both = shoot.add("a", jpeg(60))
    shoot.add("b", jpeg(60))
    again = shoot.add("a", jpeg(61), "first.jpg")
    shoot.add("a", jpeg(61), "second.jpg")
    near_a, near_b = shoot.add("a", jpeg(62)), shoot.add("b", jpeg(62, quality=70))
    kept, rejected, counts = shoot.filter()
    reasons = rejected.set_index("photo")["reason"]
    for photo, reason in expected.items():
        assert reasons[photo] == reason
    assert reasons[both].tolist() == ["two classes"] * 2
    assert reasons[[near_a, near_b]].tolist() == ["two classes"] * 2
    assert reasons[again] == "duplicate"
    assert again in set(kept["photo"])
    assert len(kept) == 21
    assert len(kept) + len(rejected) == len(shoot.rows)
    assert counts["kept"] == 21
    assert counts["two classes"] == 4


def test_the_larger_of_two_near_duplicates_is_kept(shoot: Shoot) -> None:
    large = shoot.add("a", jpeg(0, (200, 200)))
    kept, rejected, _ = shoot.filter()
    assert large in set(kept["photo"])
    twin = rejected[rejected["reason"] == "near duplicate"].iloc[0]
    assert twin["twin"] == large
    assert 0 <= twin["score"] <= FilterConfig().duplicate_bits


def test_near_duplicates_can_be_kept_as_one_group_in_one_split(shoot: Shoot) -> None:
    for seed in range(0, 20, 2):
        shoot.add("a", jpeg(seed, quality=70))
    kept, _, counts = shoot.filter(FilterConfig(drop_near_duplicates=False))
    assert "near duplicate" not in counts
    groups = kept.groupby("group")
    assert sorted(groups.size().unique()) == [1, 2]
    assert groups["split"].nunique().max() == 1


def test_second_night_keeps_the_splits_and_only_looks_at_new_photos(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = shoot.filter()
    new = {shoot.add("a", jpeg(seed)) for seed in range(100, 140)}
    looked: list[bytes] = []
    measure = facts.measure
    monkeypatch.setattr(facts, "measure", lambda data: looked.append(data) or measure(data))
    second, _, _ = shoot.filter()
    assert len(looked) == len(new)
    before, after = (table.set_index("photo")["split"] for table in (first, second))
    assert after[before.index].equals(before)


def test_a_photo_once_tested_never_trains_even_when_a_better_twin_replaces_it(shoot: Shoot) -> None:
    first, _, _ = shoot.filter()
    tested = first.index[first["split"] == "test"]
    names = [row["photo"] for row in shoot.rows]
    for photo in first.loc[tested, "photo"]:
        seed = names.index(photo)
        shoot.add(str(shoot.rows[seed]["label"]), jpeg(seed, (160, 160)))
    second, _, _ = shoot.filter()
    replaced = second[~second["photo"].isin(first["photo"])]
    assert len(replaced) == len(tested) > 0
    assert set(replaced["split"]) == {"test"}


def test_result_does_not_depend_on_the_order_of_rows(shoot: Shoot, tmp_path: Path) -> None:
    first, _, _ = shoot.filter()
    other = Shoot(tmp_path / "other")
    for row in reversed(shoot.rows):
        other.add(str(row["label"]), (shoot.root / str(row["file"])).read_bytes(), str(row["name"]))
    second, _, _ = other.filter()
    pd.testing.assert_frame_equal(first, second)


def test_one_class_is_refused_with_the_reasons(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for seed in range(5):
        shoot.add("a", jpeg(seed))
    shoot.add("b", b"nothing")
    with pytest.raises(UserError, match=r"only the class 'a'.*two classes.*1 unreadable"):
        shoot.filter()


def test_no_readable_photo_is_refused(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    shoot.add("a", b"nothing")
    shoot.add("b", b"at all")
    with pytest.raises(UserError, match=r"no class has photos left.*2 unreadable"):
        shoot.filter()


def test_nothing_to_test_is_refused(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    shoot.add("a", jpeg(1))
    shoot.add("b", jpeg(2))
    with pytest.raises(UserError, match=r"no photo is left for the test.*filter\.test_fraction"):
        shoot.filter()


def test_classes_with_one_photo_are_named_and_train(shoot: Shoot, caplog: pytest.LogCaptureFixture) -> None:
    rare = shoot.add("rare", jpeg(99))
    with caplog.at_level(logging.WARNING):
        kept, _, _ = shoot.filter()
    assert "1 of 3 classes have one photo" in caplog.text
    assert "rare" in caplog.text
    assert kept.set_index("photo")["split"][rare] == "train"


def judged(hashes: list[int], labels: str, names: str = "") -> list[str | None]:
    """Reasons of rows with these first bytes of their hashes, classes and photos (a letter each)."""
    measured = np.zeros(len(hashes), facts.FACTS)
    measured["width_px"] = measured["height_px"] = 64
    measured["hash"][:, 0] = hashes
    buckets = Buckets.of(measured["hash"], FilterConfig().duplicate_bits)
    names = names or "abcdefgh"[: len(hashes)]
    return [verdict.reason for verdict in judge(measured, list(names), list(labels), buckets, FilterConfig())]


def test_judge_prefers_the_first_of_equal_rows() -> None:
    assert judged([0, 0], "cc", "pp") == [None, "duplicate"]
    assert judged([0, 1], "cc") == [None, "near duplicate"]


def test_all_copies_of_a_photo_in_two_classes_are_rejected() -> None:
    assert judged([0, 0, 0, 0], "cccd", "pppp") == ["two classes"] * 4
    assert judged([0, 0, 1], "ccd") == ["two classes"] * 3
    assert judged([0, 0, 1, 1], "ccdc") == ["two classes"] * 4


def test_a_photo_like_one_that_was_tested_on_an_earlier_night_does_not_train(shoot: Shoot) -> None:
    first, _, _ = shoot.filter()
    names = [row["photo"] for row in shoot.rows]
    tested = [names.index(photo) for photo in first.loc[first["split"] == "test", "photo"]]
    labels = [str(shoot.rows[seed]["label"]) for seed in tested]
    shoot.rows = [row for seed, row in enumerate(shoot.rows) if seed not in tested]  # gone tonight
    twins = {shoot.add(label, jpeg(seed, quality=70)) for seed, label in zip(tested, labels, strict=True)}
    for seed in range(300, 340):
        shoot.add("ab"[seed % 2], jpeg(seed))
    second, _, _ = shoot.filter()
    assert set(second.set_index("photo")["split"][list(twins)]) == {"test"}


def test_a_photo_that_a_bridge_moved_to_the_test_never_trains_again(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: dict[bytes, np.ndarray] = {}

    def measure(data: bytes) -> np.ndarray:
        row = np.zeros((), facts.FACTS)
        row["width_px"] = row["height_px"] = 96
        row["hash"] = hashes.get(data, np.frombuffer(hashlib.sha256(data).digest(), np.uint8))
        return row

    monkeypatch.setattr(facts, "measure", measure)
    first, _, _ = shoot.filter()
    ours = first[first["label"] == "a"].set_index("split")["photo"]
    tested, trained = ours["test"] if isinstance(ours["test"], str) else ours["test"].iloc[0], ours["train"].iloc[0]
    assert observe(FilterConfig(), tmp_path / "pools") == {"moves": 0}

    before = shoot.rows[:]
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(tested), np.uint8))
    other = np.unpackbits(np.frombuffer(bytes.fromhex(trained), np.uint8))
    apart = np.flatnonzero(bits != other)
    path = [int(place) for place in apart[::-1]]
    for step, start in enumerate(range(0, len(path), 8)):  # photos that lead from one to the other in small steps
        bits[path[start : start + 8]] ^= 1
        data = jpeg(500 + step)
        hashes[data] = np.packbits(bits)
        shoot.add("a", data)
    shoot.filter()
    assert observe(FilterConfig(), tmp_path / "pools")["moves"] > 0

    shoot.rows = before
    again, _, _ = shoot.filter()
    assert again.set_index("photo")["split"][trained] == "test"


def test_rejected_twins_carry_the_split_of_their_group(shoot: Shoot) -> None:
    for seed in range(20):
        shoot.add("ab"[seed % 2], jpeg(seed, quality=70))
    kept, rejected, _ = shoot.filter()
    split = kept.set_index("photo")["split"]
    twins = rejected[rejected["reason"] == "near duplicate"]
    assert len(twins) == 20
    assert twins["split"].tolist() == split[twins["twin"]].tolist()
