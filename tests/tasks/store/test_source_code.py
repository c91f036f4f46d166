"""What a module's text says is parsed once, and kept in the data folder."""

import ast
import json
from pathlib import Path

import pytest

from tasks.store import hashing, source_code

TEXT = 'import tasks.text\nfrom tasks import names\nimport os\n\ndef f():\n    """Doc."""\n    return 1\n'


def _begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin another process, as far as this module knows."""
    monkeypatch.setattr(source_code, "_kept", source_code._Kept())


def _module(folder: Path, text: str = TEXT) -> Path:
    path = folder / "module.py"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _begin(monkeypatch)


def test_imports_of_the_package_are_found_and_docstrings_do_not_count(tmp_path: Path) -> None:
    found = source_code.read(_module(tmp_path))
    assert found.imports == ("tasks.text", "tasks", "tasks.names")
    assert source_code.read(_module(tmp_path, TEXT.replace("Doc.", "Else."))).digest == found.digest
    assert source_code.read(_module(tmp_path, TEXT.replace("1", "2"))).digest != found.digest


def test_another_run_parses_only_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source_code.keep_in(tmp_path)
    found = source_code.read(_module(tmp_path))
    source_code.save()
    _begin(monkeypatch)
    source_code.keep_in(tmp_path)
    parsed: list[bytes] = []
    parse = source_code._parse
    monkeypatch.setattr(source_code, "_parse", lambda text: (parsed.append(text), parse(text))[1])
    assert source_code.read(_module(tmp_path)) == found
    assert parsed == []
    assert source_code.read(_module(tmp_path, TEXT.replace("1", "2"))).digest != found.digest
    assert len(parsed) == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": 1}', b'{"a": [1, 2]}', b"\xff"])
def test_a_damaged_file_keeps_nothing_and_is_written_again(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / source_code.FILE
    file.parent.mkdir()
    file.write_bytes(content)
    source_code.keep_in(tmp_path)
    found = source_code.read(_module(tmp_path))
    source_code.save()
    assert json.loads(file.read_bytes())
    _begin(monkeypatch)
    source_code.keep_in(tmp_path)
    assert source_code.read(_module(tmp_path)) == found


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    source_code.keep_in(tmp_path)
    expected = ast.dump(ast.parse(TEXT.replace('    """Doc."""\n', "")))
    assert source_code.read(_module(tmp_path)).digest == hashing.of_bytes(expected.encode())
    source_code.save()
