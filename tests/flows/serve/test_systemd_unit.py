"""The systemd unit of a served preset: what it says, and that systemd understands it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.serve import systemd_unit
from tasks.store.errors import UserError

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")


def _text(root: Path, *arguments: str, **environment: str) -> str:
    return systemd_unit.text("whales", ["whales.yaml", *arguments], root, root, environment)


def test_a_unit_has_the_data_folder_the_settings_and_the_server(tmp_path: Path) -> None:
    text = _text(tmp_path, "crawl.path=my photos", PREFECT_API_URL="http://localhost:4200/api", OTHER="x")
    assert f'ExecStart="{sys.executable}" "-m" "flows.cli" "serve" "whales.yaml" "crawl.path=my photos"' in text
    assert f'Environment="FLUKE_DATA={tmp_path}"' in text
    assert 'Environment="PREFECT_API_URL=http://localhost:4200/api"' in text
    assert "OTHER" not in text


@needs_systemd
def test_systemd_understands_what_has_to_be_quoted(tmp_path: Path) -> None:
    unit = tmp_path / "fluke-test.service"
    unit.write_text(_text(tmp_path, 'crawl.keywords={"a b": ["50%h $HOME \\d"]}', "notify=[$HOOK]"))
    (tmp_path / "run").mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("argument", ["notify=[json://anna:hunter2secret@example.org]", "http://anna:hunter2@host/"])
def test_a_unit_contains_no_password(tmp_path: Path, argument: str) -> None:
    from configs.load import load

    if argument.startswith("notify"):
        load("default", [argument])
    with pytest.raises(UserError, match="no place for a password") as refused:
        _text(tmp_path, argument)
    assert "hunter2" not in str(refused.value)


def test_an_argument_can_not_add_lines_to_a_unit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line breaks"):
        _text(tmp_path, "crawl.path=a\nExecStart=/bin/rm")


def test_two_data_folders_have_two_units(tmp_path: Path) -> None:
    names = {systemd_unit.unit(model, root).name for model in ("a b", "a_b") for root in (tmp_path, tmp_path / "x")}
    assert len(names) == 4
    assert all(name.startswith("fluke-a_b-") for name in names)


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for systemctl and loginctl that writes down how it was called."""
    calls = tmp_path / "calls"
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("systemctl", "loginctl"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {calls}\n[ ! -e {tmp_path}/broken ]\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return calls


def test_install_and_remove_ask_systemd(tmp_path: Path, systemctl: Path) -> None:
    unit = systemd_unit.unit("whales", tmp_path)
    assert systemd_unit.install(unit, _text(tmp_path)) == []
    assert unit.path.read_text() == _text(tmp_path)
    assert systemctl.read_text().splitlines() == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {unit.name}",
        f"systemctl --user restart {unit.name}",
        "loginctl enable-linger",
    ]
    assert systemd_unit.remove(unit) == []
    assert not unit.path.exists()


def _service(*arguments: str, code: int = 0) -> str:
    from typer.testing import CliRunner

    from flows.cli.service import app

    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output if result.exception is None or code == 0 else str(result.exception)


@pytest.mark.usefixtures("systemctl")
def test_a_name_of_an_override_is_listed_and_removed_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path / "data"))
    assert "serves nothing" in _service("list")
    settings = ["crawl.path=photos"]
    _service("install", "default", *settings)
    _service("install", "default", *settings, "name=50% glass")
    assert sorted(_service("list").splitlines()) == ["50% glass", "default"]
    assert "it serves 50% glass, default" in _service("remove", "animals", code=1)
    _service("remove", "50% glass")
    _service("remove", "default")
    _service("install", "default", *settings, "name=50% glass")
    assert "deleted" in _service("remove", "default", "name=50% glass")
    assert systemd_unit.installed(tmp_path / "data") == []


def test_units_of_another_data_folder_are_not_listed(tmp_path: Path, systemctl: Path) -> None:
    systemd_unit.install(systemd_unit.unit("whales", tmp_path), _text(tmp_path))
    assert systemd_unit.installed(tmp_path) == ["whales"]
    assert systemd_unit.installed(tmp_path / "other") == []


def test_what_systemd_refuses_is_left_for_the_user(tmp_path: Path, systemctl: Path) -> None:
    (tmp_path / "broken").touch()
    unit = systemd_unit.unit("whales", tmp_path)
    assert systemd_unit.install(unit, _text(tmp_path)) == unit.start_commands
    assert systemctl.read_text().splitlines() == ["systemctl --user daemon-reload", "loginctl enable-linger"]


def test_without_systemd_the_recipes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"docs/operations\.md has recipes for launchd and cron"):
        systemd_unit.install(systemd_unit.unit("whales", tmp_path), "")
