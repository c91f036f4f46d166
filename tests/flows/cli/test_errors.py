"""The log of an internal error, where it can be written and where it can't."""

from pathlib import Path

import pytest

from flows import console
from flows.cli import errors


def test_the_traceback_is_written_below_the_data_folder_and_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "precious").write_text("precious")
    log = tmp_path / "logs" / "error.log"
    log.symlink_to(tmp_path / "precious")
    assert errors.report_error(KeyError("oops")) == 1
    assert f"please report it with {log}" in capsys.readouterr().err
    assert "KeyError: 'oops'" in log.read_text()
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("is_temporary_writable", [True, False])
def test_without_a_data_folder_the_traceback_goes_to_a_new_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_temporary_writable: bool
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path / "file" / "data"))
    temporary = tmp_path / "temporary"
    if is_temporary_writable:
        temporary.mkdir()
    monkeypatch.setattr(errors.tempfile, "tempdir", str(temporary))
    assert errors.report_error(KeyError("oops")) == 1
    said = capsys.readouterr().err
    if is_temporary_writable:
        [log] = temporary.iterdir()
        assert str(log) in said
        assert log.stat().st_mode & 0o777 == 0o600
    else:
        assert "its traceback can't be written anywhere" in said


def test_the_output_of_native_libraries_needs_no_log(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with console.native_output(tmp_path / "logs" / "native.log"):
        worked = True
    assert worked
