"""Reports on the server: only with the token of the dashboard, and without access to what the dashboard keeps."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flows.server import key, report_page
from flows.server.app import protect
from tasks.tables.evaluate import REPORT

EVALUATION = "3b774831a7e2e18e6c7e9e5f"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a report and a key; the server runs in its folder `server`."""
    folder = tmp_path / "artifacts" / "evaluate" / EVALUATION
    folder.mkdir(parents=True)
    REPORT.path(folder).write_text("<h1>95 %</h1>")
    (tmp_path / "server").mkdir(mode=0o700)
    key.prepare(tmp_path)
    monkeypatch.chdir(tmp_path / "server")
    return tmp_path


@pytest.fixture
def client() -> TestClient:
    return TestClient(protect(Starlette()), base_url="http://127.0.0.1:4200")


def test_the_dashboards_address_opens_the_report_in_an_origin_of_its_own(root: Path, client: TestClient) -> None:
    answer = client.get(report_page.address(root, EVALUATION))
    assert (answer.status_code, answer.text) == (200, "<h1>95 %</h1>")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-popups; default-src 'none'")
    REPORT.path(root / "artifacts" / "evaluate" / EVALUATION).unlink()
    assert client.get(report_page.address(root, EVALUATION)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/{EVALUATION}",
        f"/{EVALUATION}?token=",
        f"/{EVALUATION}?token={'0' * 32}",
        f"/{EVALUATION}?token=\N{SNOWMAN}",
        "/..%2F..%2Fserver?token=0",
    ],
)
def test_without_the_token_nothing_is_shown(root: Path, client: TestClient, path: str) -> None:
    assert client.get(f"{report_page.PAGE}{path}").status_code in (403, 404)


def test_a_token_is_for_one_report_and_one_key(root: Path, client: TestClient) -> None:
    token = report_page.address(root, EVALUATION).partition("?")[2]
    assert client.get(f"{report_page.PAGE}/{'a' * 24}?{token}").status_code == 403
    key.file(root).unlink()
    key.prepare(root)
    assert client.get(f"{report_page.PAGE}/{EVALUATION}?{token}").status_code == 403
