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
from tasks.filter import faces, image_stats, review_log
from tasks.filter.near_duplicates import Buckets
from tasks.filter.rules import judge
from tasks.filter.stage import build_kept, external_inputs
from tasks.images import photos
from tasks.store.context import StageContext
from tasks.store.errors import UserError


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
        context = StageContext(self.root, out, self.root / "pools" / "filter", self.root / "photos")
        result = build_kept(config or FilterConfig(), photos=crawl, context=context)
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
    measure = image_stats.measure
    monkeypatch.setattr(image_stats, "measure", lambda data: looked.append(data) or measure(data))
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


def test_one_class_that_is_not_unseen_is_refused_before_anything_is_trained(shoot: Shoot) -> None:
    with pytest.raises(UserError, match=r"only the class 'b' is left to train on.*filter\.unseen_classes"):
        shoot.filter(FilterConfig(unseen_classes=("a",)))


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


def valid() -> np.ndarray:
    """Facts of a photo that nothing is wrong with, and whose mirror image is like no other."""
    row = np.zeros((), image_stats.FACTS)
    row["width_px"] = row["height_px"] = 96
    row["p99"], row["sharpness"] = 200, 1
    row["mirror"] = np.random.default_rng(0).integers(0, 256, 32)
    return row


def judged(hashes: list[int], labels: str, names: str = "") -> list[str | None]:
    """Reasons of rows with these first bytes of their hashes, classes and photos (a letter each)."""
    measured = np.array([valid() for _ in hashes], image_stats.FACTS)
    measured["hash"][:, 0] = hashes
    buckets = Buckets.of(measured, FilterConfig().duplicate_bits, mirrored=True)
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
        row = valid()
        row["hash"] = hashes.get(data, np.frombuffer(hashlib.sha256(data).digest(), np.uint8))
        return row

    monkeypatch.setattr(image_stats, "measure", measure)
    first, _, _ = shoot.filter()
    ours = first[first["label"] == "a"].set_index("split")["photo"]
    tested, trained = ours["test"] if isinstance(ours["test"], str) else ours["test"].iloc[0], ours["train"].iloc[0]
    assert external_inputs(FilterConfig(), shoot.root) == {"moves": 0}

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
    assert external_inputs(FilterConfig(), shoot.root)["moves"] > 0

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


def test_copies_and_contradictions_can_be_kept(shoot: Shoot) -> None:
    both = shoot.add("a", jpeg(60))
    near_b, _ = shoot.add("b", jpeg(60, quality=70)), shoot.add("b", jpeg(60))
    again = shoot.add("a", jpeg(61), "first.jpg")
    shoot.add("a", jpeg(61), "second.jpg")
    kept, rejected, _ = shoot.filter(FilterConfig(drop_contradictions=False))
    assert dict(zip(rejected["reason"], rejected["label"], strict=True)) == {"duplicate": "a", "near duplicate": "b"}
    assert sorted(kept.loc[kept["photo"].isin([both, near_b]), "label"]) == ["a", "b"]
    assert kept.loc[kept["photo"].isin([both, near_b]), "split"].nunique() == 1
    kept, rejected, _ = shoot.filter(FilterConfig(drop_duplicates=False))
    assert set(rejected["reason"]) == {"two classes"}
    assert (kept["photo"] == again).sum() == 2


def drawn(pixels: np.ndarray) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


NOISE = np.random.default_rng(7).integers(0, 256, (96, 96, 3))
FLAWED = {
    "too small": (jpeg(70, (60, 30)), "min_side_px"),
    "odd aspect": (jpeg(71, (400, 40)), "min_aspect"),
    "too dark": (drawn(NOISE / 8), "dark_level"),
    "too light": (drawn(np.where(NOISE[..., :1] < 8, 200, 245) + np.zeros(3)), "light_level"),
    "uniform": (drawn(120 + NOISE / 32), "min_contrast"),
    "blurred": (drawn(np.array(Image.fromarray(NOISE[:4, :4].astype(np.uint8)).resize((300, 300)))), "min_sharpness"),
}


@pytest.mark.parametrize("reason", FLAWED)
def test_each_check_has_its_reason_and_can_be_switched_off(shoot: Shoot, reason: str) -> None:
    data, setting = FLAWED[reason]
    photo = shoot.add("a", data)
    _, rejected, _ = shoot.filter()
    assert rejected["photo"].tolist() == [photo]
    assert rejected["reason"].tolist() == [reason]
    review = pd.read_parquet(shoot.root / "out0" / "review.parquet").iloc[0]
    assert review["threshold"] == getattr(FilterConfig(), setting)
    assert (review["score"] > review["threshold"]) == (reason == "too light")
    kept, _, _ = shoot.filter(FilterConfig(**{setting: None}))
    assert photo in set(kept["photo"])


def test_a_mirror_image_is_a_near_duplicate_unless_told_otherwise(shoot: Shoot) -> None:
    mirrored = Image.open(BytesIO(jpeg(4))).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    out = BytesIO()
    mirrored.save(out, "JPEG", quality=80)
    shoot.add("a", out.getvalue())
    _, rejected, _ = shoot.filter()
    assert rejected["reason"].tolist() == ["near duplicate"]
    assert len(shoot.filter(FilterConfig(mirrored=False))[0]) == 21


def decide(shoot: Shoot, photo: str, label: str, action: review_log.Action, to: str = "") -> None:
    review_log.add(shoot.root, [review_log.Decision(review_log.Subject(photo, label), action, to)])


def test_what_a_person_decided_goes_before_the_checks(shoot: Shoot) -> None:
    dark = shoot.add("a", FLAWED["too dark"][0])
    broken = shoot.add("a", b"nothing")
    good, wrong = (str(shoot.rows[number]["photo"]) for number in (2, 4))
    before = external_inputs(FilterConfig(), shoot.root)
    decide(shoot, dark, "a", "keep")
    decide(shoot, broken, "a", "keep")
    decide(shoot, good, "a", "reject")
    decide(shoot, wrong, "a", "move", "b")
    assert external_inputs(FilterConfig(), shoot.root) != before
    kept, rejected, counts = shoot.filter()
    labels = kept.set_index("photo")["label"]
    assert (labels[dark], labels[wrong]) == ("a", "b")
    assert rejected.set_index("photo")["reason"].to_dict() == {good: "by hand", broken: "unreadable"}
    assert counts["decided by hand"] == 4
    review = pd.read_parquet(shoot.root / "out0" / "review.parquet").set_index("photo")
    assert review["decision"].to_dict() == {dark: "keep", broken: "keep", good: "reject", wrong: "move"}
    assert review.loc[dark, "reason"] == "too dark"
    assert review["kept"].to_dict() == {dark: True, broken: False, good: False, wrong: True}
    assert review.loc[wrong, "label"] == "a"
    review_log.undo(shoot.root, {review_log.Subject(wrong, "a")})
    assert shoot.filter()[0].set_index("photo")["label"][wrong] == "a"


def test_a_photo_in_two_classes_is_kept_in_the_one_where_a_person_leaves_it(shoot: Shoot) -> None:
    photo = shoot.add("a", jpeg(60))
    shoot.add("b", jpeg(60))
    decide(shoot, photo, "b", "reject")
    kept, rejected, _ = shoot.filter()
    assert kept.set_index("photo")["label"][photo] == "a"
    assert rejected["reason"].tolist() == ["by hand"]


def test_decisions_about_other_photos_change_nothing(shoot: Shoot) -> None:
    first, _, _ = shoot.filter()
    decide(shoot, "0" * 64, "a", "reject")
    second, _, counts = shoot.filter()
    pd.testing.assert_frame_equal(first, second)
    assert "decided by hand" not in counts


@pytest.mark.parametrize(
    ("column", "settings"), [("page", {}), ("group", {}), ("name", {"group_pattern": r"^(burst\d+)-"})]
)
def test_what_the_data_names_as_one_is_in_one_split(shoot: Shoot, column: str, settings: dict) -> None:
    for number in range(40):
        shoot.add("ab"[number % 2], jpeg(100 + number))
    for number, row in enumerate(shoot.rows):
        row[column] = f"burst{number // 8}-{number}.jpg" if column == "name" else f"encounter {number // 8}"
    kept, _, _ = shoot.filter(FilterConfig(**settings))
    assert len(kept) == 60  # nothing is rejected for it
    bursts = {row["photo"]: number // 8 for number, row in enumerate(shoot.rows)}
    assert kept.groupby(kept["photo"].map(bursts))["split"].nunique().max() == 1
    assert kept["split"].nunique() == 3


def test_pages_can_be_left_out_of_account(shoot: Shoot) -> None:
    for row in shoot.rows:
        row["page"] = "one page for all"
    with pytest.raises(UserError, match="no photo is left for the test"):
        shoot.filter()
    assert (shoot.filter(FilterConfig(group_pages=False))[0]["split"] == "test").any()


def test_listed_photos_are_always_tested(shoot: Shoot, tmp_path: Path) -> None:
    first, _, _ = shoot.filter()
    test_list = first[first["split"] == "train"]["photo"].tolist()[:4]
    (tmp_path / "test_list.csv").write_text("photo\n" + "\n".join(test_list))
    config = FilterConfig(test_list=tmp_path / "test_list.csv")
    assert external_inputs(config, tmp_path)["test_list"]
    second, _, _ = shoot.filter(config)
    assert set(second.set_index("photo")["split"][test_list]) == {"test"}
    only = FilterConfig(test_list=tmp_path / "test_list.csv", test_fraction=0)
    third, _, _ = shoot.filter(only)
    assert set(third[third["split"] == "test"]["photo"]) == set(test_list)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file\nx\n", "has neither a column photo nor a column name"),
        ("photo\nx\n", "none of its 1 photos is there"),
    ],
)
def test_a_test_list_that_cannot_be_is_refused(shoot: Shoot, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "test_list.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        shoot.filter(FilterConfig(test_list=tmp_path / "test_list.csv"))
    with pytest.raises(UserError, match=r"filter\.test_list=.*gone\.csv: can't be read"):
        external_inputs(FilterConfig(test_list=tmp_path / "gone.csv"), tmp_path)


def test_leaks_are_counted_and_mended(shoot: Shoot) -> None:
    first, _, counts = shoot.filter()
    assert "leaks mended" not in counts
    tested, trained = (first[first["split"] == split]["photo"].iloc[0] for split in ("test", "train"))
    for row in shoot.rows:
        row["group"] = "one encounter" if row["photo"] in (tested, trained) else None
    second, _, counts = shoot.filter()
    assert set(second.set_index("photo")["split"][[tested, trained]]) == {"test"}
    assert counts["leaks mended"] == 1


def test_faces_outside_the_range_are_rejected(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(faces, "count", lambda pixels, model: counted.append(1) or int(pixels[..., 0].mean()) % 3)
    kept, rejected, _ = shoot.filter(FilterConfig(faces=(1, 1)))
    assert len(counted) == 20
    assert set(rejected["reason"]) == {"faces"}
    assert 0 < len(kept) < 20
    shoot.filter(FilterConfig(faces=(0, 1)))
    assert len(counted) == 20  # counted once


def test_the_summary_counts_by_class_and_reason_and_shows_the_worst(shoot: Shoot) -> None:
    shoot.add("a|b", FLAWED["too dark"][0], "<img src=x>")
    shoot.add("b", b"nothing")
    shoot.filter()
    summary = (shoot.root / "out0" / "summary.md").read_text()
    assert summary.startswith("**20 photos kept, 2 rejected (9.1%)**")
    assert "| class | kept | too dark | unreadable |" in summary
    assert "| a\\|b | 0 | 1 | 0 |" in summary
    assert summary.count("](data:image/") == 1  # the unreadable one can't be shown


def striped(seed: int, upright: bool) -> bytes:
    """Stripes whose direction tells the class, each photo with its own."""
    random = np.random.default_rng(seed)
    wave = 128 + 90 * np.sin(np.arange(96) * random.uniform(0.5, 0.7) + random.uniform(0, 6))
    pixels = np.broadcast_to(wave[None, :, None], (96, 96, 3)) + random.normal(0, 12, (96, 96, 3))
    return drawn(np.clip(pixels if upright else pixels.transpose(1, 0, 2), 0, 255))


def test_a_photo_under_the_wrong_class_is_a_suspect_or_rejected(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for seed in range(60):
        shoot.add("ab"[seed % 2], striped(seed, upright=seed % 2 == 0))
    wrong = shoot.add("b", striped(99, upright=True))
    config = FilterConfig(label_issues=3, drop_near_duplicates=False, duplicate_bits=0)
    kept, _, _ = shoot.filter(config)
    assert wrong in set(kept["photo"])
    review = pd.read_parquet(tmp_path / "out0" / "review.parquet")
    doubted = review[review["reason"] == "wrong label"]
    assert (doubted.iloc[0]["photo"], doubted.iloc[0]["suggestion"]) == (wrong, "a")
    assert 1 <= len(doubted) <= 3
    assert review["kept"].all()
    strict = config.model_copy(update={"max_label_doubt": 0.9})
    _, rejected, _ = shoot.filter(strict)
    assert rejected.set_index("photo")["reason"].to_dict() == {wrong: "wrong label"}
    decide(shoot, wrong, "b", "keep")
    assert wrong in set(shoot.filter(strict)[0]["photo"])


def test_a_photo_of_an_unseen_class_in_a_burst_that_trains_is_left_out(shoot: Shoot) -> None:
    """Else the classifier has one photo of a class that it must not know, and evaluate.unknown has nothing left."""
    for seed in range(100, 140):
        shoot.add("ab"[seed % 2], jpeg(seed), f"burst{seed // 4}-{seed}.jpg")
    lone = [shoot.add("new", jpeg(seed), f"burst{seed // 4}-{seed}x.jpg") for seed in range(200, 208)]
    mixed = [shoot.add("new", jpeg(seed + 200), f"burst{seed // 4}-{seed}x.jpg") for seed in range(100, 140, 4)]
    kept, rejected, _ = shoot.filter(FilterConfig(unseen_classes=("new",), group_pattern=r"^(burst\d+)-"))
    new = kept[kept["label"] == "new"]
    assert set(new["split"]) == {"val", "test"}
    assert set(lone) <= set(new["photo"])
    assert set(rejected["reason"]) == {"unseen class"}
    assert set(rejected["photo"]) == set(mixed) - set(new["photo"]) != set()


def test_a_photo_that_a_person_moves_to_an_unseen_class_does_not_make_it_train(shoot: Shoot) -> None:
    for seed in range(200, 208):
        shoot.add("new", jpeg(seed))
    config = FilterConfig(unseen_classes=("new",))
    first, _, _ = shoot.filter(config)
    moved = first.loc[(first["label"] == "a") & (first["split"] == "train"), "photo"].iloc[0]
    decide(shoot, moved, "a", "move", "new")
    for seed in range(208, 220):
        shoot.add("new", jpeg(seed))
    second, _, _ = shoot.filter(config)
    splits = second[second["label"] == "new"].set_index("photo")["split"]
    assert len(splits) == 21
    assert set(splits) == {"val", "test"}
    before = first[first["label"] == "new"].set_index("photo")["split"]
    assert splits[before.index].equals(before)
    assert external_inputs(config, shoot.root)["moves"] == 1  # what still trains on it is made again
