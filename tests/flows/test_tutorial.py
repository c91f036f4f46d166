"""The commands of docs/tutorial.md, run as they are written there, in an empty folder."""

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"(?:<!-- (.*?) -->\n)?```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks() -> list[tuple[str, str]]:
    """Return the commands of the tutorial, block by block, each with the note that stands before it."""
    return [(note, block) for note, block in _BLOCK.findall((ROOT / "docs/tutorial.md").read_text(encoding="utf-8"))]


def _install(folder: Path) -> None:
    """Write the command `fluke`, as an activated environment has it."""
    command = folder / "fluke"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m fluke "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)


def test_the_commands_of_the_tutorial_end_well_and_leave_what_it_says(api_url: str, tmp_path: Path) -> None:
    _install(tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "FLUKE_DATA"} | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PREFECT_API_URL": api_url,
    }
    folder = tmp_path / "project"
    folder.mkdir()
    said = ""
    for note, block in _blocks():
        if note == "not run by the test":
            continue
        process = subprocess.Popen(
            ["bash", "-ec", f"exec {block}" if note else block],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if note == "runs until Ctrl-C" and "digits-nightly" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait() == 0, said
    assert "digits-nightly" in said
    assert "accuracy" in said
    assert (folder / "answers.csv").exists()
    assert (folder / "exported/README.md").exists()
    assert (folder / "doubtful").exists()
