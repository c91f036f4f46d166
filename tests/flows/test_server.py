"""The local Prefect server: it starts once, is found again, and stops."""

import json
import os
import socket
import urllib.request
from pathlib import Path

import pytest

from flows import server
from tasks.store.errors import UserError


def test_a_port_in_use_is_refused_with_another_to_choose(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is in use.*--port {port + 1}"):
            server.up(tmp_path, port)
    assert not (tmp_path / "server" / "server.json").exists()


@pytest.mark.parametrize("state", [None, "", "{", '{"pid": 1}', '{"pid": 1, "port": 9}'])
def test_without_a_server_there_is_no_address_and_nothing_to_stop(tmp_path: Path, state: str | None) -> None:
    if state is not None:
        (tmp_path / "server").mkdir()
        (tmp_path / "server" / "server.json").write_text(state)
    assert server.url(tmp_path) is None
    assert server.down(tmp_path) is False
    os.kill(1, 0)  # process 1 is alive, and is not our server


def test_the_users_own_profile_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_PROFILE", raising=False)
    assert server.configured_url() is None
    profiles = 'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://host:4200/api"\n[profiles.local]\n'
    (tmp_path / "profiles.toml").write_text(profiles)
    assert server.configured_url() == "http://host:4200/api"
    monkeypatch.setenv("PREFECT_PROFILE", "local")
    assert server.configured_url() is None


@pytest.mark.slow
def test_up_is_idempotent_and_serves_the_dashboard_from_its_own_port(api_url: str, server_root: Path) -> None:
    assert server.up(server_root) == api_url == server.url(server_root)
    page = api_url.removesuffix("/api")
    with urllib.request.urlopen(f"{page}/ui-settings") as response:
        assert json.load(response)["api_url"] == "/api"


@pytest.mark.slow
def test_other_web_pages_may_not_call_the_api(api_url: str) -> None:
    for origin, allowed in ((api_url.removesuffix("/api"), True), ("https://example.org", False)):
        request = urllib.request.Request(f"{api_url}/health", headers={"Origin": origin})
        with urllib.request.urlopen(request) as response:
            assert (response.headers.get("Access-Control-Allow-Origin") == origin) is allowed


@pytest.mark.slow
def test_the_automation_against_zombie_runs_is_created_once(api_url: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api_url}):
        server.crash_zombies()
        server.crash_zombies()
    request = urllib.request.Request(f"{api_url}/automations/filter", b"{}", {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        names = [automation["name"] for automation in json.load(response)]
    assert names.count("fluke: crash runs whose process has died") == 1
