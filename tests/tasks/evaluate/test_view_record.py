from pathlib import Path

import pytest

from tasks.evaluate.view_record import ViewRecord

MADE_FROM = {"gallery": 7, "source": "abc"}


def record(folder: Path) -> ViewRecord:
    (folder / "page.html").write_text("page")
    return ViewRecord.of(folder, [folder / "page.html"], MADE_FROM)


def test_a_record_can_be_written_and_read(tmp_path: Path) -> None:
    written = record(tmp_path)
    written.write(tmp_path / "record.json")
    assert ViewRecord.read(tmp_path / "record.json") == written
    assert written.is_valid(tmp_path, MADE_FROM, verify=True)


def test_other_inputs_and_damaged_files_are_invalid(tmp_path: Path) -> None:
    valid = record(tmp_path)
    assert not valid.is_valid(tmp_path, MADE_FROM | {"gallery": 8}, verify=False)
    (tmp_path / "page.html").write_text("gone")  # as long as before
    assert valid.is_valid(tmp_path, MADE_FROM, verify=False)
    assert not valid.is_valid(tmp_path, MADE_FROM, verify=True)
    (tmp_path / "page.html").write_text("cut")
    assert not valid.is_valid(tmp_path, MADE_FROM, verify=False)
    (tmp_path / "page.html").unlink()
    assert not valid.is_valid(tmp_path, MADE_FROM, verify=False)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"gallery": 1, "version": 1}'])
def test_a_damaged_or_old_record_is_ignored(tmp_path: Path, content: str) -> None:
    assert ViewRecord.read(tmp_path / "record.json") is None
    (tmp_path / "record.json").write_text(content)
    assert ViewRecord.read(tmp_path / "record.json") is None
