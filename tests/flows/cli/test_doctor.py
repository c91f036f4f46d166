"""`fluke doctor`: what it prints, and its exit code."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import doctor
from flows.cli import app
from flows.doctor.finding import Finding

FINE = Finding("disk", "10 GB free")
SLOW = Finding("fonts", "none", "install a font")
BROKEN = Finding("server", "process 7", "start it", stops_runs=True)


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ([FINE], 0, "all is well"),
        ([FINE, SLOW], 0, "a run would work; there is 1 warning"),
        ([SLOW, BROKEN, FINE], 1, "a run would end with an error: see the 1 error above"),
    ],
)
def test_the_exit_code_says_whether_a_run_would_work(
    findings: list[Finding], code: int, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(doctor, "examine", lambda root: iter(findings if root == tmp_path else ()))
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[-1]) == (code, last)
    assert all(each.problem in result.stdout for each in findings)
    assert [line.split()[0] for line in lines[:-2] if not line.startswith(" ")] == [each.what for each in findings]


def test_a_file_in_place_of_the_data_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path / "file"))
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert result.exit_code == 1
    assert f"{tmp_path / 'file'} is a file" in result.stdout
