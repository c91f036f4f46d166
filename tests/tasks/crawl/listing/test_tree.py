"""Listing what is below a folder: links, junk, and fluke's own folders."""

import os
from pathlib import Path

import pytest

from tasks.crawl.listing.tree import HEAT_MAPS, Tree, is_junk_name, list_tree


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def names(tree: Tree) -> list[str]:
    return [name for name, _ in tree.photos]


# fmt: off
JUNK = [
    "mlruns", "wandb", "site-packages",
    "#recycle", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__MACOSX", "@Recycle",
    "#snapshot", "LOST.DIR", "RECYCLER", "FOUND.000", "Network Trash Folder", "~snapshot", "node_modules",
]
# fmt: on


@pytest.mark.parametrize("junk", JUNK)
def test_folders_of_systems_are_passed_over_at_any_depth_in_any_case(tmp_path: Path, junk: str) -> None:
    make(tmp_path, "glass/a.jpg", f"{junk}/glass/b.jpg", f"glass/{junk.lower()}/c.jpg", f"glass/{junk.upper()}/x/d.jpg")
    tree = list_tree(tmp_path)
    assert names(tree) == ["glass/a.jpg"]
    assert sum(tree.junk.values()) == 3


@pytest.mark.parametrize("name", ["trash", "recycle", "snapshot", "temp", "found", "Photos", "lost", "bin"])
def test_names_that_people_give_are_no_junk(name: str) -> None:
    assert not is_junk_name(name)


def test_hidden_files_and_system_files_are_no_photos(tmp_path: Path) -> None:
    make(tmp_path, "a/._a.jpg", "a/.DS_Store", "a/Thumbs.db", "a/desktop.ini", ".git/x.jpg", ".Trash-1000/files/y.jpg")
    make(tmp_path, ".ipynb_checkpoints/z.jpg", ".@__thumb/w.jpg")
    tree = list_tree(tmp_path)
    assert not tree.photos
    assert not tree.others
    assert not tree.junk


@pytest.mark.parametrize(
    "inside",
    [
        ("artifacts/crawl/x/manifest.json", "pools/crawl/ledger.sqlite", "photos/aa/b.jpg"),
        (".in-use", "photos/aa/b.jpg"),  # a first run was interrupted
        ("runs/r.json", "logs/native.log", "photos/aa/b.jpg"),  # its pools were deleted
        (HEAT_MAPS, "00001-a.jpg"),
    ],
)
@pytest.mark.parametrize("name", ["data", "glass/old fluke"])
def test_folders_that_fluke_wrote_are_passed_over(tmp_path: Path, inside: tuple[str, ...], name: str) -> None:
    make(tmp_path, "glass/a.jpg", "metal/b.jpg", *(f"{name}/{file}" for file in inside))
    tree = list_tree(tmp_path)
    assert names(tree) == ["glass/a.jpg", "metal/b.jpg"]
    assert tree.own == [name]
    assert list_tree(tmp_path / name).is_own


@pytest.mark.parametrize("name", ["photos", "logs", "runs", "pools"])
def test_a_class_may_have_the_name_of_a_folder_of_fluke(tmp_path: Path, name: str) -> None:
    assert names(list_tree(make(tmp_path, f"x/{name}/a.jpg"))) == [f"x/{name}/a.jpg"]


def test_links_are_followed_and_cycles_end(tmp_path: Path) -> None:
    make(tmp_path / "in", "a/1.jpg")
    make(tmp_path / "elsewhere", "2.jpg", "deep/3.jpg")
    (tmp_path / "in" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "deep" / "up").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "a" / "root").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "a" / "4.jpg").symlink_to(tmp_path / "elsewhere" / "2.jpg")
    assert names(list_tree(tmp_path / "in")) == ["a/1.jpg", "a/4.jpg", "b/2.jpg", "b/deep/3.jpg"]


def test_special_files_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    (tmp_path / "a" / "zero.png").symlink_to("/dev/zero")
    tree = list_tree(tmp_path)
    assert names(tree) == ["a/1.jpg"]
    assert tree.special == ["a/pipe.jpg", "a/zero.png"]


def test_photos_that_are_not_there_are_named(tmp_path: Path) -> None:
    make(tmp_path, "a/1.JPG", "a/.IMG_2.HEIC.icloud", "a/.notes.txt.icloud")
    (tmp_path / "a" / "3.png").symlink_to(".git/annex/objects/3.png")
    assert list_tree(tmp_path).missing == [
        ("a/3.png", "a link to nothing"),
        ("a/IMG_2.HEIC", "in iCloud only: download it"),
    ]


def test_other_files_are_counted_by_extension(tmp_path: Path) -> None:
    make(tmp_path, "a/1.CR2", "a/2.cr2", "a/notes", "a/b/clip.MOV", "x.csv", "a/.jpg")
    assert list_tree(tmp_path).others == {".cr2": 2, "": 1, ".mov": 1, ".csv": 1}
