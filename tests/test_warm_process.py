"""A program with imported libraries has the settings of Prefect that a new Python has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.warm_process import ROOT, WarmProcess

SETTINGS = """
import json, logging, os, sys
if len(sys.argv) > 1:
    os.environ["PREFECT_API_URL"] = sys.argv[1]
try:
    from prefect import flow
    from prefect.context import get_settings_context
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")

console = logging.getLogger().handlers[0]
context, example = get_settings_context(), flow(name="example")(lambda: None)
print(json.dumps(context.settings.model_dump(mode="json"), sort_keys=True))
print(context.profile.name, console.level, console.console.stderr, example.retries, logging.getLogger("prefect").level)
"""


def both(folder: Path, *arguments: str, **environment: str) -> tuple[str, str]:
    """What is printed by a new Python, and by a program with imported libraries."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder / "home")} | environment
    command = [sys.executable, "-c", SETTINGS, *arguments]
    new = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False)
    warm = WarmProcess("-c", SETTINGS, *arguments, environment=environment, folder=folder)
    out, err = warm.communicate()
    assert warm.returncode == new.returncode
    return new.stdout + new.stderr, out + err


@pytest.mark.slow
def test_prefect_reads_the_settings_of_the_program(tmp_path: Path) -> None:
    """From a profile, from files in the current folder, from the environment, and from what the program sets."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "profiles.toml").write_text(
        'active = "a"\n[profiles.a]\nPREFECT_FLOWS_DEFAULT_RETRIES = "3"\n'
    )
    (tmp_path / ".env").write_text("PREFECT_CLIENT_MAX_RETRIES=7\n")
    (tmp_path / "prefect.toml").write_text("[runner]\npoll_frequency = 77\n")
    own = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", "PREFECT_LOGGING_LEVEL": "ERROR"}

    new, warm = both(tmp_path, "http://example.org/api", **own)

    assert new == warm
    assert "http://example.org/api" in new
    assert str(tmp_path / "home") in new
    assert '"max_retries": 7' in new
    assert '"poll_frequency": 77' in new
    assert new.splitlines()[-1] == "a 50 False 3 40"


@pytest.mark.slow
def test_prefect_complains_about_the_settings_of_the_program(tmp_path: Path) -> None:
    new, warm = both(tmp_path, PREFECT_CLIENT_MAX_RETRIES="many")
    assert new == warm
    assert "many" in new
