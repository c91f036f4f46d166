"""The blocklist: a CSV file that people can edit."""

from pathlib import Path

from tasks.crawl import blocklist


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
