"""The terminal: any encoding, and names of files and classes that a terminal would obey."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import errors
from flows.run_records import data_root
from tasks.store.errors import UserError

pytestmark = pytest.mark.slow  # each starts the command line

ROOT = Path(__file__).parents[3]
CLASS = "고양이 — naïve"
LOCALES = [
    {"PYTHONIOENCODING": "euc-kr"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


def fluke(*arguments: str, root: Path, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    settings = {"PYTHONPATH": str(ROOT), "FLUKE_DATA": str(root / "data"), "PREFECT_HOME": str(root / "prefect")}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        env=os.environ | settings | environment,
        cwd=root,
        capture_output=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("environment", LOCALES)
def test_a_printed_config_is_the_same_in_every_locale(environment: dict[str, str], tmp_path: Path) -> None:
    mine, printed = tmp_path / "mine.yaml", tmp_path / "printed.yaml"
    mine.write_text(f"crawl:\n  path: {CLASS}\nfilter:\n  unseen_classes: [{CLASS}]\n", encoding="utf-8")
    first = fluke("config", "mine.yaml", root=tmp_path, **environment)
    assert (first.returncode, first.stderr) == (0, b"")
    printed.write_bytes(first.stdout)
    assert fluke("config", "printed.yaml", root=tmp_path, PYTHONUTF8="1").stdout.decode().count(CLASS) == 2


@pytest.mark.parametrize("environment", LOCALES)
def test_an_error_that_the_encoding_lacks_is_still_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"crawl:\n  {CLASS}: 1\n", encoding="utf-8")
    for command in ("config", "run"):
        process = fluke(command, "mine.yaml", root=tmp_path, **environment)
        assert process.returncode == 2
        assert process.stderr.count(b"\n") == 1
        assert b"unknown setting" in process.stderr


@pytest.mark.parametrize("encoding", ["euc-kr", "latin-1", "ascii", "cp437"])
def test_results_are_printed_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    errors.survive_any_locale()
    errors.say(CLASS)
    errors.note(CLASS)
    errors.print_error(CLASS)
    for stream, lines in zip(streams, (1, 2), strict=True):
        stream.flush()
        printed = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
        assert printed.count("\n") == lines
        assert printed.count("na\\xefve" if encoding in ("euc-kr", "ascii") else "naïve") == lines


def test_control_characters_are_shown_and_an_error_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    errors.say("photo \x1b[2J.jpg", "class \u202egpj")
    errors.note("two\nlines")
    assert errors.report_error(UserError("\x9b31m\r.jpg:\nerror: all is lost")) == 2
    out, err = capsys.readouterr()
    assert out == "photo \\x1b[2J.jpg\nclass \\u202egpj\n"
    assert err == "two\\nlines\nerror: \\x9b31m\\r.jpg:\\nerror: all is lost\n"


def test_a_question_shows_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(errors.typer, "confirm", lambda question: asked.append(question) or True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert errors.confirm("Delete \x1b[1A?", yes=False)
    assert asked == ["Delete \\x1b[1A?"]


def test_names_that_are_not_utf8_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    process = fluke("run", "default", os.fsdecode(b"crawl.path=caf\xe9"), root=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith(b"error: crawl.path: 'caf\\udce9' is not valid in the encoding")
    process = fluke("status", root=tmp_path, FLUKE_DATA=os.fsdecode(b"caf\xe9"))
    assert process.returncode == 2
    assert b"caf\\udce9: not valid UTF-8; set FLUKE_DATA" in process.stderr
    assert b"Traceback" not in process.stderr


def test_the_data_folder_may_be_relative_or_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value, root in (
        ("", tmp_path / "data"),
        ("mine", tmp_path / "mine"),
        ("~/x", tmp_path / "home/x"),
        ("/y", Path("/y")),
    ):
        monkeypatch.setenv("FLUKE_DATA", value)
        assert data_root() == root
    monkeypatch.setenv("FLUKE_DATA", "~nobody-of-this-name/x")
    with pytest.raises(UserError, match="no such user"):
        data_root()


def test_a_setting_that_is_given_twice_is_named(tmp_path: Path) -> None:
    process = fluke("config", "default", "train.epochs=5", "train.epochs=6", root=tmp_path)
    assert process.stderr == b"warning: train.epochs is given twice: '6' replaces '5'\n"
    assert b"\n  epochs: 6\n" in process.stdout
