"""The commands of docs/tutorial.md, run as they are written there, in an empty folder."""

import os
import re
import shlex
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from flows.run_records import read_records
from tests.helpers.prefect_api import get, wait_for
from tests.helpers.warm_process import ROOT, WarmProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_BLOCK = re.compile(r"(?:<!-- (.*?) -->\n)?```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks() -> list[tuple[str, str]]:
    """Return the commands of the tutorial, block by block, each with the note that stands before it."""
    return _BLOCK.findall((ROOT / "docs/tutorial.md").read_text(encoding="utf-8"))


def _interrupt_when_it_serves(process: WarmProcess, api_url: str) -> None:
    """Send Ctrl-C to `fluke serve` when its deployments are there."""
    wait_for("deployment", lambda: get(api_url, "deployments/name/pipeline/digits-nightly"))
    process.send_signal(signal.SIGINT)


def _run(line: str, folder: Path, environment: dict[str, str], *, until_ctrl_c: bool) -> str:
    """Run a command of fluke in a process that has the heavy libraries imported; `>` writes what it prints."""
    command, _, target = line.partition(" > ")
    process = WarmProcess(
        "-m", "fluke", *shlex.split(command, comments=True)[1:], environment=environment, folder=folder
    )
    if until_ctrl_c:
        threading.Thread(
            target=_interrupt_when_it_serves, args=(process, environment["PREFECT_API_URL"]), daemon=True
        ).start()
    out, err = process.communicate()
    assert process.returncode == 0, line + out + err
    if target:
        (folder / target).write_text(out)
    return out + err


@pytest.mark.slow
def test_the_commands_of_the_tutorial_end_well_and_leave_what_it_says(api_url: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FLUKE_DATA"} | {
        "PYTHONPATH": str(ROOT),
        "PREFECT_API_URL": api_url,
    }
    said = ""
    for note, block in _blocks():
        if note == "not run by the test":
            continue
        if not block.startswith("fluke "):
            subprocess.run(["bash", "-ec", block], cwd=tmp_path, check=True)
            continue
        for line in block.splitlines():
            said += _run(line, tmp_path, environment, until_ctrl_c=note == "runs until Ctrl-C")
    assert [record.state for record in read_records(tmp_path / "data")] == ["done"] * 3
    assert "digits-nightly" in said
    assert "accuracy" in said
    assert "min_sharpness: null" in (tmp_path / "all-settings.yaml").read_text()
    assert (tmp_path / "answers.csv").exists()
    assert (tmp_path / "exported/README.md").exists()
    assert (tmp_path / "doubtful").exists()
