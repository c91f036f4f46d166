"""The site of the documentation builds, none of its links is dead, and it needs no other server."""

import ast
import os
import re
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest

from configs.schema import STAGE_NAMES
from tasks.tables.document import document
from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, Browser

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
    assert "...</li>" not in pages["commands"], "the sentence of a command is cut"
    assert "budget_min" in pages["settings"]
    assert "the test split contains no photo" in pages["messages"]


@pytest.mark.slow
def test_no_page_names_anything_elsewhere_that_a_browser_would_load(site: Path) -> None:
    loads = re.compile(
        r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["']?(?:https?:)?//|url\(["']?(?:https?:)?//"""
    )
    linked = re.compile(
        r"""<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=["']?(?:https?:)?//"""
    )
    for page in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = page.read_text(encoding="utf-8")
        assert not loads.findall(text), page
        assert not linked.findall(text), page
        assert 'class="mermaid"' not in text, f"{page}: the theme would load Mermaid from a CDN"


@pytest.mark.slow
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM)
def test_a_browser_asks_only_the_site_itself_also_for_a_search(site: Path, tmp_path: Path) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_address[1]}"
        browser = Browser(tmp_path)
        try:
            browser.driver.get(f"http://{host}/architecture/")
            browser.wait("[...document.querySelectorAll('.md-content img')].some(each => each.naturalWidth)")
            browser.run("document.querySelector('.md-search__input').focus()")
            browser.press("duplicates")
            browser.wait("document.querySelectorAll('.md-search-result__item').length")
            assert browser.hosts() == {host}
        finally:
            browser.driver.quit()
            server.shutdown()


def test_the_picture_of_the_stages_has_files_and_artifacts_that_exist() -> None:
    texts = re.findall(r"<text[^>]*>([^<]*)<", (ROOT / "docs/pipeline.svg").read_text(encoding="utf-8"))
    named = {name for text in texts for name in re.findall(r"\w+\.(?:parquet|json|keras|html)", text)}
    catalog = document()
    assert named
    assert {name for name in named if f"`{name}`" not in catalog} == set()
    assert set(STAGE_NAMES) <= set(texts)


@pytest.mark.slow
def test_messages_that_troubleshooting_quotes_are_those_of_the_code() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    quoted = {
        text for row in re.findall(r"^\| ([^|]*)", page, re.MULTILINE) for text in re.findall(r"`([^`]+ [^`]+)`", row)
    }
    sources = [path for package in ("configs", "tasks", "flows") for path in (ROOT / package).rglob("*.py")]
    said = "\n".join(text for path in sources for text in _strings(ast.parse(path.read_bytes())))
    assert len(quoted) > 8
    assert {text for text in quoted if text not in said} == set()


def _strings(tree: ast.Module) -> Iterator[str]:
    """Yield the strings of a module, those of f-strings between their values; docstrings are left out."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and logs nothing."""

    def log_message(self, *_: object) -> None:
        pass
