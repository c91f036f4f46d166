"""The attacks that worked on Prefect's server, against a server that `fluke up` has started, and our own use of it."""

import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows import server
from flows.server import key
from tests.helpers.pipeline import write_photos
from tests.helpers.prefect_api import wait_for

pytestmark = pytest.mark.slow

AUTOMATION = {
    "name": "cancels every run",
    "trigger": {
        "type": "event",
        "posture": "Reactive",
        "match": {},
        "expect": ["prefect.flow-run.Running"],
        "threshold": 1,
        "within": 0,
    },
    "actions": [{"type": "cancel-flow-run"}],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., str]) -> Iterator[Path]:
    """The data folder of a server as users have it, with a key."""
    root = tmp_path_factory.mktemp("data")
    try:
        start_server(root, server.free_port(), with_key=True)
        yield root
    finally:
        assert server.down(root)


def ask(data: Path, path: str, body: object = None, *, login: str = "", **headers: str) -> tuple[int, bytes]:
    """Send a request as an attacker can, without Python's own content type."""
    page = (server.url(data) or "").removesuffix("/api")
    if login:
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    sent = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if sent is not None:
        headers.setdefault("Content-Type", "")
    request = urllib.request.Request(page + path, sent, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def automations(data: Path) -> list[str]:
    login = key.read(data)
    _, token = ask(data, "/api/csrf-token?client=test", login=login)
    csrf = {"Prefect_Csrf_Client": "test", "Prefect_Csrf_Token": json.loads(token)["token"]}
    status, body = ask(data, "/api/automations/filter", {}, login=login, Content_Type="application/json", **csrf)
    assert status == 200, body
    return [automation["name"] for automation in json.loads(body)]


def test_a_foreign_host_name_reaches_nothing_even_with_the_key(data: Path) -> None:
    foreign = {"Host": "evil.example:4200", "Content_Type": "application/json"}
    for login in ("", key.read(data)):
        for path in ("/", "/api/admin/version", "/fluke/login"):
            assert ask(data, path, login=login, **foreign)[0] == 421
        assert ask(data, "/api/automations/", AUTOMATION, login=login, **foreign)[0] == 421
    assert automations(data) == []


def test_another_user_without_the_key_reads_and_starts_nothing(data: Path) -> None:
    json_type = "application/json"
    for login in ("", "fluke:guess", "admin:pass"):
        assert ask(data, "/api/admin/version", login=login)[0] == 401
        assert ask(data, "/api/flows/filter", {}, login=login, Content_Type=json_type)[0] in (401, 403)
        for path in ("/api/automations/", "/api/deployments/", "/api/flows/"):
            assert ask(data, path, AUTOMATION, login=login, Content_Type=json_type)[0] in (401, 403)
    assert automations(data) == []
    assert not key.file(data).stat().st_mode & 0o077
    assert not (data / "server").stat().st_mode & 0o077


def test_another_web_page_plants_no_automation_even_in_a_browser_with_the_key(data: Path) -> None:
    login = key.read(data)
    assert ask(data, "/api/automations/", AUTOMATION, login=login, Origin="http://evil.example")[0] == 403
    assert ask(data, "/api/automations/", AUTOMATION, login=login)[0] == 415
    assert ask(data, "/api/automations/", AUTOMATION, login=login, Content_Type="application/json")[0] == 403  # CSRF
    assert automations(data) == []


def test_our_commands_and_the_flows_that_they_run_have_the_key(data: Path) -> None:
    write_photos(data.parent / "photos", 12)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"FLUKE_DATA": str(data), "http_proxy": "http://127.0.0.1:9", "CUDA_VISIBLE_DEVICES": ""}
    command = ["stage", "crawl", "default", f"crawl.path={data.parent / 'photos'}"]
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert key.read(data) not in done.stdout + done.stderr
    with closing(sqlite3.connect(data / "server" / "prefect.db")) as database:
        wait_for("event of the run", lambda: _events(database))


def _events(database: sqlite3.Connection) -> list[object]:
    """Return the events that the run has sent through its web socket, which needs the key, too."""
    return database.execute("select 1 from events where event = 'prefect.task-run.Completed'").fetchall()
