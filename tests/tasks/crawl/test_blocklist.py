"""The blocklist: a CSV file that people can edit."""

from pathlib import Path

import pytest

from configs.load import load
from tasks.crawl import blocklist
from tasks.crawl.stage import build_photos
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tests.helpers.pipeline import write_photos


def test_added_entries_are_read_back_and_existing_ones_stay(tmp_path: Path) -> None:
    assert blocklist.read(tmp_path) == frozenset()
    blocklist.add(tmp_path, ["http://host/a,b.jpg", "0" * 64])
    before = (tmp_path / blocklist.NAME).read_text()
    blocklist.add(tmp_path, ["0" * 64])
    assert (tmp_path / blocklist.NAME).read_text() == before
    blocklist.add(tmp_path, ["http://host/고양이.jpg"])
    assert blocklist.read(tmp_path) == {"http://host/a,b.jpg", "0" * 64, "http://host/고양이.jpg"}
    assert before.splitlines()[0] == "what,forgotten_at"


def test_a_list_written_by_hand_is_read(tmp_path: Path) -> None:
    (tmp_path / blocklist.NAME).write_text(f"\ufeff{'AB' * 32}\n\n http://host/A.jpg ,2026-01-01\n")
    assert blocklist.read(tmp_path) == {"ab" * 32, "http://host/A.jpg"}
    blocklist.add(tmp_path, ["http://host/b.jpg"])
    assert blocklist.read(tmp_path) == {"ab" * 32, "http://host/A.jpg", "http://host/b.jpg"}


SHA256 = "ab" * 32


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (f"what,forgotten_at\n{SHA256},2026\nhttp://host/caf\xe9.jpg,2026\n".encode("latin-1"), 3, "it is not UTF-8"),
        (f"what,forgotten_at\r\n{SHA256}\r\n".encode("utf-16"), 1, "it is not UTF-8"),
        (b"what,forgotten_at\r\rhttp://host/\xff\r", 3, "it is not UTF-8"),
        (f"{SHA256}\n{SHA256[:40]}\n".encode(), 2, "no SHA-256"),
        (f"what;forgotten_at\n{SHA256};2026\n".encode(), 1, "'what;forgotten_at' is no URL"),
        (f"{SHA256}\nwhat,forgotten_at\n".encode(), 2, "'what' is no URL"),
        (f'{SHA256}\n"http://host/a.jpg,2026\n{SHA256}\n'.encode(), 3, "unexpected end of data"),
        (f"{SHA256}\nhttp://host/a.jpg".encode() + bytes(20), 2, "is no URL"),
        (bytes(4096), 1, "is no URL"),
    ],
)
def test_a_damaged_list_is_refused_with_its_line(tmp_path: Path, content: bytes, line: int, says: str) -> None:
    path = tmp_path / blocklist.NAME
    path.write_bytes(content)
    for use in (blocklist.read, lambda root: blocklist.add(root, ["http://host/b.jpg"])):
        with pytest.raises(UserError) as error:
            use(tmp_path)
        assert str(error.value).startswith(f"{path}, line {line}: ")
        assert says in str(error.value)
        assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_a_damaged_list_keeps_everything_from_being_stored(tmp_path: Path) -> None:
    context = StageContext(tmp_path, tmp_path / "out", tmp_path / "pools", tmp_path / "photos")
    (tmp_path / blocklist.NAME).write_bytes(b"http://host/\xff\n")
    write_photos(tmp_path / "source", 6)
    with pytest.raises(UserError, match="line 1: it is not UTF-8"):
        build_photos(load("default", [f"crawl.path={tmp_path / 'source'}"]).crawl, context=context)
    assert not (tmp_path / "photos").exists()
    assert not (tmp_path / "pools").exists()


def test_a_list_that_is_a_link_stays_one_and_a_lost_one_is_not_taken_for_empty(tmp_path: Path) -> None:
    link = tmp_path / blocklist.NAME
    link.symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(FileNotFoundError):
        blocklist.read(tmp_path)
    (tmp_path / "elsewhere.csv").write_text(f"{SHA256}\n")
    blocklist.add(tmp_path, ["http://host/b.jpg"])
    assert link.is_symlink()
    assert blocklist.read(tmp_path) == {SHA256, "http://host/b.jpg"}
