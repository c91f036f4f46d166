"""Whole nights: what was tested once is never trained on, whatever has been deleted or changed between the runs."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from configs.schema import FilterConfig
from tasks import tables
from tasks.filter import image_stats
from tasks.filter import stage as filter_stage
from tasks.filter.memory import split_memory
from tasks.filter.memory.split_memory import SplitMemory
from tasks.store import hashing
from tasks.store.errors import UserError
from tests.helpers.filtering import jpeg
from tests.helpers.nights import Nights, Photo, of_seeds

pytestmark = pytest.mark.slow  # many whole nights

FRACTIONS = {"val_fraction": 0.2, "test_fraction": 0.3}


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path, of_seeds(range(24)), FilterConfig(memory="cats", **FRACTIONS))


def photos_tested_by(nights: Nights, **settings: object) -> list[Photo]:
    """Run, and return the photos of the test."""
    splits = nights.splits(nights.run(**settings))
    return [photo for photo in nights.crawl if splits.get(photo.name or f"{photo.seed}.jpg") == "test"]


def damage_pools(nights: Nights) -> None:
    for path in (nights.root / "pools").rglob("*.npy"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def delete_photos(nights: Nights) -> None:
    shutil.rmtree(nights.root / "photos")
    nights.prune()


BETWEEN: dict[str, Callable[[Nights], object]] = {
    "nothing": lambda nights: None,
    "prune": Nights.prune,
    "fresh": lambda nights: nights.run(fresh=True),
    "a damaged shard": damage_pools,
    "photos and pools are gone": delete_photos,
    "other near duplicates": lambda nights: nights.run(duplicate_bits=None),
    "other checks": lambda nights: nights.run(max_rejected=1, dark_level=None, min_sharpness=None),
    "other fractions": lambda nights: nights.run(test_fraction=0.1, val_fraction=0),
    "nothing tested": lambda nights: nights.run(test_fraction=0.05),
    "unseen classes": lambda nights: nights.run(unseen_classes=("c",)),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_copies_of_test_photos_that_have_left_are_never_trained_on(nights: Nights, name: str) -> None:
    nights.crawl += [Photo("c", seed) for seed in range(200, 212)]
    left = photos_tested_by(nights)
    assert len(left) > 5
    nights.crawl = [photo for photo in nights.crawl if photo not in left] + of_seeds(range(30, 40))
    nights.run()
    BETWEEN[name](nights)
    copies = [replace(photo, quality=70, name=f"copy {photo.seed}.jpg") for photo in left]
    nights.crawl += copies
    splits = nights.splits(nights.run())
    assert {splits[photo.name] for photo in copies} == {"test"}


def leaving(kind: str, seed: int, tag: str) -> Photo:
    """Return a photo that belongs to others with the same tag by its name, its page or its group."""
    photo = Photo("ab"[seed % 2], seed, name=f"{seed}.jpg")
    if kind == "burst":
        return replace(photo, name=f"{tag}_{seed}.jpg")
    return replace(photo, page=f"https://example.org/{tag}") if kind == "page" else replace(photo, group=tag)


@pytest.mark.parametrize("between", ["nothing", "prune", "photos and pools are gone", "other fractions"])
@pytest.mark.parametrize("kind", ["burst", "page", "group"])
def test_photos_that_belong_to_tested_ones_that_have_left_are_never_trained_on(
    nights: Nights, kind: str, between: str
) -> None:
    nights.config = FilterConfig(memory="cats", group_pattern="^([a-z]+)_", **FRACTIONS)
    tags = {seed: f"{'kl'[seed % 2]}{'mnopqr'[seed // 4]}" for seed in range(24)}
    nights.crawl = [leaving(kind, seed, tags[seed]) for seed in range(24)]
    left = photos_tested_by(nights)
    assert left
    nights.crawl = of_seeds(range(40, 60))
    BETWEEN[between](nights)
    nights.run()
    new = [leaving(kind, photo.seed + 100, tags[photo.seed]) for photo in left]
    nights.crawl += new
    splits = nights.splits(nights.run())
    assert {splits[photo.name] for photo in new} == {"test"}


def test_a_burst_is_remembered_under_all_names_that_its_photos_had(nights: Nights) -> None:
    nights.config = FilterConfig(memory="cats", group_pattern="^([a-z]+)_", **FRACTIONS)
    nights.crawl = [Photo("ab"[seed % 2], seed, f"{'cdefghijklmnopqrstuvwxyz'[seed]}_1.jpg") for seed in range(24)]
    left = photos_tested_by(nights)
    nights.crawl = [replace(photo, name=f"{photo.seed}.jpg") for photo in nights.crawl]
    nights.run()
    nights.crawl += [Photo(photo.label, photo.seed + 100, f"{photo.name[0]}_2.jpg") for photo in left]
    splits = nights.splits(nights.run())
    assert {splits[f"{photo.name[0]}_2.jpg"] for photo in left} == {"test"}


def test_a_pattern_that_is_set_later_counts_for_photos_that_have_left(nights: Nights) -> None:
    nights.crawl = [Photo("ab"[seed % 2], seed, f"{'cdefghijklmnopqrstuvwxyz'[seed]}_1.jpg") for seed in range(24)]
    left = photos_tested_by(nights)
    nights.crawl = of_seeds(range(40, 60))
    nights.crawl += [Photo(photo.label, photo.seed + 100, f"{photo.name[0]}_2.jpg") for photo in left]
    splits = nights.splits(nights.run(group_pattern="^([a-z]+)_"))
    assert {splits[f"{photo.name[0]}_2.jpg"] for photo in left} == {"test"}


def test_a_group_holds_when_the_photo_that_linked_it_is_forgotten(nights: Nights) -> None:
    nights.config = FilterConfig(memory="cats", group_pattern="^([a-z]+)_", group_pages=True, test_fraction=0.3)
    burst = Photo("a", 90, "burst_1.jpg")
    linking = Photo("a", 91, "burst_2.jpg", page="https://example.org/1")
    page = Photo("a", 92, "92.jpg", page="https://example.org/1")
    nights.crawl += [burst, linking, page]
    nights.run()
    for number, seed in enumerate(range(300, 340)):  # so that they would be dealt apart
        nights.crawl.append(Photo("a", seed, name=f"{number}.png"))
    nights.crawl.remove(linking)
    split_memory.forget(nights.root, [sha256(linking)])
    nights.prune()
    for test_fraction in (0.2, 0.4, 0.6):
        kept = tables.filter.KEPT.read(nights.store.folder(nights.run(test_fraction=test_fraction).artifact))
        groups = kept.set_index("name")["group"]
        assert groups["burst_1.jpg"] == groups["92.jpg"]


def sha256(photo: Photo) -> str:
    from tasks.store import hashing

    return hashing.of_bytes(jpeg(photo.seed, quality=photo.quality))


def test_two_presets_do_not_touch_each_other(nights: Nights) -> None:
    nights.crawl += [Photo("ab"[seed % 2], seed, quality=60, name=f"copy {seed}.jpg") for seed in range(8)]
    first = nights.run()
    nights.run(memory="dogs", duplicate_bits=None)
    nights.run(memory="dogs", duplicate_bits=None, test_fraction=0.6)
    nights.run(memory="dogs", seed=1, group_pattern="^(..)")
    again = nights.run()
    assert again.cached
    assert again.artifact == first.artifact
    assert nights.splits(nights.run(fresh=True)) == nights.splits(first)


def test_presets_with_one_memory_share_it(nights: Nights) -> None:
    left = photos_tested_by(nights)
    others = of_seeds(range(40, 60))
    nights.crawl = [*others, *left]
    splits = nights.splits(nights.run(min_side_px=8))
    assert {splits[f"{photo.seed}.jpg"] for photo in left} == {"test"}


def test_other_fractions_deal_again_what_was_never_tested(nights: Nights) -> None:
    before = nights.splits(nights.run())
    outcome = nights.run(test_fraction=0.1, val_fraction=0.5)
    after = nights.splits(outcome)
    kept = {name for name, split in before.items() if split == "test"}
    assert {name for name, split in after.items() if split == "test"} == kept
    assert list(after.values()).count("val") > list(before.values()).count("val")
    expected = (
        f"filter.test_fraction=0.1 can't be met: {len(kept)} of 24 photos stay in the test, because an earlier run "
        "tested them; set another filter.seed (it is 0) to begin anew"
    )
    assert expected in outcome.manifest.notes
    nights.crawl += of_seeds(range(40, 42))
    assert any("can't be met" in note for note in nights.run(test_fraction=0.1, val_fraction=0.5).manifest.notes)
    assert not any("can't be met" in note for note in nights.run(test_fraction=0.6).manifest.notes)
    assert not any("can't be met" in note for note in nights.run(test_fraction=0.1, seed=1).manifest.notes)


def test_changed_fractions_are_no_way_to_train_on_what_was_tested(nights: Nights) -> None:
    ever: set[str] = set()
    for fraction in (0.3, 0.05, 0.5, 0.1, 0.3):
        splits = nights.splits(nights.run(test_fraction=fraction))
        now = {name for name, split in splits.items() if split == "test"}
        assert ever <= now
        ever |= now


def test_a_result_that_trains_on_what_was_tested_meanwhile_is_not_reused(nights: Nights) -> None:
    nights.run(test_fraction=0.1)
    more = {name for name, split in nights.splits(nights.run(test_fraction=0.5)).items() if split == "test"}
    again = nights.run(test_fraction=0.1)
    assert not again.cached
    assert {nights.splits(again)[name] for name in more} == {"test"}


def test_a_class_of_which_all_photos_were_tested_is_explained(nights: Nights) -> None:
    nights.crawl += [Photo("c", seed) for seed in range(200, 212)]
    left = [photo for photo in photos_tested_by(nights) if photo.label == "c"]
    nights.crawl = [photo for photo in nights.crawl if photo.label != "c" or photo in left]
    outcome = nights.run()
    reason = (
        f"so none is left to train on: c ({len(left)}); add photos that were never tested, or set another filter.seed"
    )
    assert any(reason in note for note in outcome.manifest.notes)
    nights.crawl = [photo for photo in nights.crawl if photo.label == "a" or photo in left]
    with pytest.raises(UserError, match=r"only the class 'a' .*an earlier run tested them.*filter\.seed \(it is 0\)"):
        nights.run()


def memory_files(nights: Nights) -> list[Path]:
    return sorted(
        path for home in (split_memory.FOLDER, split_memory.COPIES) for path in (nights.root / home).rglob("*.*")
    )


@pytest.mark.parametrize("place", [split_memory.FOLDER, split_memory.COPIES])
def test_a_lost_copy_is_restored_also_when_the_filter_is_cached(
    nights: Nights, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    nights.run()
    before = {path: path.read_bytes() for path in memory_files(nights)}
    shutil.rmtree(nights.root / place)
    made = nights.run()
    assert made.cached
    assert {path: path.read_bytes() for path in memory_files(nights)} == before
    assert "was missing; it was restored" in caplog.text


def test_a_run_stops_if_no_copy_can_be_read(nights: Nights) -> None:
    nights.run()
    for path in memory_files(nights):
        path.write_bytes(b"PAR1")
    for fresh in (False, True):
        with pytest.raises(UserError, match=r"splits/cats/seed-0/0.* is damaged, and .*from a backup.*filter\.seed"):
            nights.run(fresh=fresh)
    assert nights.run(seed=1)


def test_a_run_stops_if_the_memory_is_gone(nights: Nights) -> None:
    nights.run()
    shutil.rmtree(nights.root / split_memory.FOLDER)
    shutil.rmtree(nights.root / split_memory.COPIES)
    for fresh in (False, True):
        with pytest.raises(UserError, match=r"seed-0 is gone, but .*filter.* was made with it.*from a backup.*seed"):
            nights.run(fresh=fresh)
    assert nights.run(seed=1)
    assert nights.run(memory="dogs")


def test_a_run_stops_if_the_memory_is_older_than_a_result(nights: Nights, tmp_path: Path) -> None:
    nights.run()
    for home in (split_memory.FOLDER, split_memory.COPIES):
        shutil.copytree(nights.root / home, tmp_path / "old" / home)
    nights.crawl += of_seeds(range(30, 60))
    nights.run()
    for home in (split_memory.FOLDER, split_memory.COPIES):
        shutil.rmtree(nights.root / home)
        shutil.copytree(tmp_path / "old" / home, nights.root / home)
    with pytest.raises(UserError, match=r"is older than .*photos that were tested there are not in it, such as"):
        nights.run()


def test_a_data_folder_without_results_may_begin_anew(nights: Nights) -> None:
    nights.run()
    for path in (split_memory.FOLDER, split_memory.COPIES, "artifacts"):
        shutil.rmtree(nights.root / path)
    assert nights.run()


STEPS = ("measure", "check_trainable", "updated", "written", "published")


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_between_any_two_steps_loses_no_split(
    nights: Nights, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = nights.splits(nights.run())
    nights.crawl += of_seeds(range(30, 60))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "written":
            patch.setattr(SplitMemory, "write_reference", killed)
        elif step == "published":
            patch.setattr("pathlib.Path.rename", killed)
        else:
            patch.setattr(filter_stage, step, killed)
        with pytest.raises(KeyboardInterrupt):
            nights.run()
    second = nights.splits(nights.run())
    assert second.items() >= first.items()
    nights.prune()
    assert nights.splits(nights.run()) == second


def test_statistics_of_another_version_are_computed_again_or_counted(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = photos_tested_by(nights)
    nights.crawl = [photo for photo in nights.crawl if photo not in left] + of_seeds(range(30, 40))
    nights.run()
    monkeypatch.setattr(image_stats, "VERSION", image_stats.VERSION + 1)
    nights.prune()
    gone = left[0]
    next((nights.root / "photos").glob(f"*/{sha256(gone)}.*")).unlink()
    copies = [replace(photo, quality=70, name=f"copy {photo.seed}.jpg") for photo in left]
    nights.crawl += copies
    outcome = nights.run()
    splits = nights.splits(outcome)
    assert {splits[photo.name] for photo in copies[1:]} == {"test"}
    assert any(
        "1 photo is no longer in the crawl and can't be compared" in note and "1 of them were tested" in note
        for note in outcome.manifest.notes
    )
    memory = SplitMemory(nights.config, nights.root).read()
    assert memory
    assert memory.other_stats[sha256(gone)][0] == image_stats.VERSION - 1


def test_a_photo_that_has_left_and_moves_to_the_test_is_held_out_from_models(nights: Nights) -> None:
    splits = nights.splits(nights.run())
    trained = next(photo for photo in nights.crawl if splits[f"{photo.seed}.jpg"] == "train")
    test = next(photo for photo in nights.crawl if splits[f"{photo.seed}.jpg"] == "test")
    nights.crawl.remove(trained)
    nights.run()
    linked = Photo(test.label, 100, page="https://example.org/both", name="100.jpg")
    nights.crawl += [replace(trained, quality=70, page="https://example.org/both"), linked]
    nights.crawl[nights.crawl.index(test)] = replace(test, page="https://example.org/both")
    outcome = nights.run()
    folder = nights.store.folder(outcome.artifact)
    from tasks.held_out import held_out

    assert sha256(trained) in held_out(folder)
    assert tables.filter.ABSENT.read(folder)["photo"].tolist() == [sha256(trained)]


@pytest.mark.parametrize("settings", [{"duplicate_bits": None}, {"group_pages": False}])
def test_an_old_result_is_not_reused_after_other_settings_have_tested_mates_of_its_train_photos(
    nights: Nights, settings: dict[str, object]
) -> None:
    originals = [replace(photo, page=f"https://example.org/{photo.seed}") for photo in nights.crawl]
    nights.crawl = originals
    before = nights.splits(nights.run())
    trained = [photo for photo in originals if before[f"{photo.seed}.jpg"] == "train"]
    if "group_pages" in settings:
        mates = [replace(photo, seed=photo.seed + 500, name=f"mate {photo.seed}.jpg") for photo in trained]
    else:
        mates = [replace(photo, quality=70, page=None, name=f"mate {photo.seed}.jpg") for photo in trained]
    nights.crawl = originals + mates
    splits = nights.splits(nights.run(**settings))
    tested = [int(name.removeprefix("mate ").removesuffix(".jpg")) for name in splits if name.startswith("mate")]
    tested = [seed for seed in tested if splits[f"mate {seed}.jpg"] == "test" and splits[f"{seed}.jpg"] == "train"]
    assert tested
    assert nights.run(**settings).cached
    nights.crawl = originals
    splits = nights.splits(nights.run())
    assert {splits[f"{seed}.jpg"] for seed in tested} == {"test"}


@pytest.mark.parametrize("present", [True, False])
def test_statistics_of_a_photo_whose_file_is_damaged_later_are_not_forgotten(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, present: bool
) -> None:
    left = photos_tested_by(nights)[1:]
    damaged = {hashing.of_bytes(jpeg(photo.seed)) for photo in left}
    compute = image_stats.compute_stats
    read = {True: lambda data: compute(bytes(len(data))), False: compute}
    monkeypatch.setattr(image_stats, "compute_stats", lambda data: read[hashing.of_bytes(data) in damaged](data))
    nights.run(fresh=True)
    if not present:
        nights.crawl = [photo for photo in nights.crawl if photo not in left]
    copies = [replace(photo, quality=q, name=f"{q} {photo.seed}.jpg") for photo in left for q in (50, 60, 70)]
    nights.crawl += copies
    splits = nights.splits(nights.run(drop_near_duplicates=False))
    assert {splits[photo.name] for photo in copies} == {"test"}
