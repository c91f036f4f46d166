"""The site of the documentation builds, and none of its links is dead."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_pages_of_commands_settings_and_messages_are_made_from_the_code(site: Path) -> None:
    pages = {name: (site / name / "index.html").read_text() for name in ("commands", "settings", "messages")}
    assert "--heat-maps" in pages["commands"]
    assert "budget_min" in pages["settings"]
    assert "the test split contains no photo" in pages["messages"]


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere_but_the_program_that_draws_diagrams(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'(?:<script[^>]*src|<link[^>]*rel="stylesheet"[^>]*href|<img[^>]*src)="(https?:[^"]*)"', page.read_text()
        )
        assert not loaded, page
