"""What killed runs and damaged files have left is found everywhere, but not what may be in use."""

import os
import shutil

import pytest

from tests.helpers.runs import Runs, age, write


def test_partial_files_in_a_kept_artifact_are_deleted(runs: Runs) -> None:
    artifact = runs.run()[2]
    folder = runs.store.folder(artifact)
    left_over = [folder / ".partial-abc.html", folder / "figures" / ".partial-def.png"]
    for path in left_over:
        write(path, b"half a report")
    unneeded = runs.prune(1)
    assert [(item.path, item.reason) for item in unneeded] == [(path, "left by a killed run") for path in left_over]
    assert not any(path.exists() for path in left_over)
    assert runs.store.valid(folder) == artifact


PLACES = ["", "runs", "splits", "server", "backups", "exports/whales", "photos/ab", "pools/crawl", "artifacts/gone"]


@pytest.mark.parametrize("place", PLACES)
def test_partial_files_and_folders_older_than_a_day_are_deleted_everywhere(runs: Runs, place: str) -> None:
    runs.run()
    folder = runs.store.root / place
    old = write(folder / ".partial-abc.json", days=1.1)
    old_folder = write(folder / ".partial-def" / "deep" / "file", days=2).parents[1]
    age(old_folder, 2)
    of_a_clock_ahead = write(folder / ".partial-ghi", days=-365)
    young = [write(folder / ".partial-jkl"), write(folder / ".partial-mno" / "deep" / "file").parents[1]]
    age(young[1], 2)
    write(young[1] / "deep" / "file")  # somebody still writes into it
    kept = write(folder / "partial-of-a-user.txt", days=400)
    locked = place.startswith(("artifacts", "pools", "photos"))
    expected = {old, old_folder, of_a_clock_ahead, *(young if locked else ())}
    assert {item.path for item in runs.prune(1)} == expected
    assert not any(path.exists() for path in expected)
    assert kept.exists()
    assert all(path.exists() is not locked for path in young)


def test_damaged_files_older_than_a_day_are_deleted(runs: Runs) -> None:
    runs.run()
    root = runs.store.root
    old = [write(root / place / ".damaged-x.npy", b"123", days=2) for place in ("photos/ab", "pools/filter/key")]
    young = write(root / "pools" / "filter" / ".damaged-y.npy")
    never = [write(root / place / ".damaged-z", days=400) for place in ("splits", "backups", "")]
    assert [(item.path, item.reason, item.bytes) for item in runs.prune(1)] == [
        (path, "damaged file that was replaced", 3) for path in old
    ]
    assert all(path.exists() for path in (young, *never))


def test_links_are_not_followed_in_search_of_partial_and_damaged_files(
    runs: Runs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = runs.run()
    outside = tmp_path_factory.mktemp("outside")
    theirs = [write(outside / "ab" / name, days=9) for name in (".partial-abc", ".damaged-abc.jpg")]
    for place in ("link", "pools/train/link", "artifacts/evaluate/link", "exports"):
        (runs.store.root / place).parent.mkdir(parents=True, exist_ok=True)
        (runs.store.root / place).symlink_to(outside)
    shutil.rmtree(runs.store.photos, ignore_errors=True)
    runs.store.photos.symlink_to(outside)
    (partial := runs.store.root / ".partial-link").symlink_to(outside)
    os.utime(partial, (1e9, 1e9), follow_symlinks=False)
    size = partial.lstat().st_size
    assert [(item.path, item.bytes) for item in runs.prune(1)] == [(partial, size)]
    assert not partial.is_symlink()
    assert all(path.exists() for path in theirs)
    assert runs.intact(made)
