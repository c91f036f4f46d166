from pathlib import Path

import pytest

from tasks.store.paths import inside, is_own, remove

ROOT = Path("/data")


@pytest.mark.parametrize(
    "name",
    ["manifest.json", "pools/extract/ab/cd.npy", "photos/ab/abcd.jpg", "...", "..a/b..", "a b/é.png", "a\\b.jpg"],
)
def test_a_name_below_the_folder_is_a_path_below_it(name: str) -> None:
    assert inside(ROOT, name).as_posix() == f"/data/{name}"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../../etc/passwd", ".. in it"),
        ("pools/../../x", ".. in it"),
        ("pools/..", ".. in it"),
        ("..\\..\\x", ".. in it"),
        ("a\\../x", ".. in it"),
        ("/etc/passwd", "absolute"),
        ("//server/share/x", "absolute"),
        ("\\\\server\\share\\x", "absolute"),
        ("\\x", "absolute"),
        ("C:/x", "absolute"),
        ("c:x", "absolute"),
        ("", "empty part"),
        (".", "empty part"),
        ("./x", "empty part"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("a\0.jpg", "NUL"),
        ("x" * 256, "too long"),
        ("a/" + "é" * 128, "too long"),
    ],
)
def test_any_other_name_is_refused(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match="not the name of a file below its folder") as raised:
        inside(ROOT, name)
    assert problem in str(raised.value)


@pytest.mark.parametrize("name", [None, 3, 1.5, b"x", ["x"], Path("x")])
def test_what_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="not a text"):
        inside(ROOT, name)  # type: ignore[arg-type]


def test_the_message_shows_a_name_in_a_line_that_a_terminal_can_print() -> None:
    with pytest.raises(ValueError, match="x1b") as raised:
        inside(ROOT, "\x1b[2J\n\udcff/" + "../" * 10_000)
    assert str(raised.value).isascii()
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder beside the data folder, with something in it that must stay."""
    (tmp_path / "data" / "pools").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    return tmp_path / "home"


def test_a_link_is_removed_but_not_what_it_leads_to(home: Path) -> None:
    data = home.parent / "data"
    link = data / "pools" / "link"
    link.symlink_to(home, target_is_directory=True)
    assert remove(data, link)
    assert not link.is_symlink()
    assert (home / "letter.txt").read_text() == "dear"


def test_a_broken_link_is_removed(home: Path) -> None:
    link = home.parent / "data" / "pools" / "link"
    link.symlink_to(home / "nothing")
    assert remove(home.parent / "data", link)
    assert not link.is_symlink()


def test_nothing_is_removed_behind_a_link_that_leads_out(home: Path) -> None:
    data = home.parent / "data"
    (data / "pools" / "link").symlink_to(home, target_is_directory=True)
    assert not remove(data, data / "pools" / "link" / "letter.txt")
    assert (home / "letter.txt").exists()


def test_links_inside_a_removed_folder_are_not_followed(home: Path) -> None:
    data = home.parent / "data"
    folder = data / "pools" / "key"
    folder.mkdir()
    (folder / "link").symlink_to(home, target_is_directory=True)
    assert remove(data, folder)
    assert not folder.exists()
    assert (home / "letter.txt").exists()


def test_a_first_folder_on_another_disk_is_the_data_folders_own(home: Path) -> None:
    data = home.parent / "data"
    (data / "photos").symlink_to(home, target_is_directory=True)
    assert remove(data, data / "photos" / "letter.txt")
    assert not (home / "letter.txt").exists()


@pytest.mark.parametrize("path", ["/", "/data", "/other/x", "/data/../x", "/data/pools/../../x"])
def test_the_data_folder_itself_and_what_is_outside_are_never_removed(path: str) -> None:
    assert not is_own(ROOT, Path(path))
    assert not remove(ROOT, Path(path))
