"""The Prefect server that the user has set: where Prefect finds the address, and what answers there."""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import prefect
import prefect.context
import pytest

from flows.server import configured
from tasks.store.errors import UserError

ADDRESS = "http://host:4200/api"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of Prefect and a current folder without settings; Prefect forgets the test's settings afterwards."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", f"PREFECT_API_URL={ADDRESS}\n"),
        ("prefect.toml", f'[api]\nurl = "{ADDRESS}"\n'),
        ("pyproject.toml", f'[tool.prefect.api]\nurl = "{ADDRESS}"\n'),
        ("home/profiles.toml", f'active = "work"\n[profiles.work]\nPREFECT_API_URL = "{ADDRESS}"\n'),
    ],
)
def test_the_address_is_found_where_prefect_finds_it(
    tmp_path: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configured.read()[0].api.url is None
    (tmp_path / name).write_text(text)
    assert configured.read()[0].api.url == ADDRESS
    monkeypatch.setenv("PREFECT_API_URL", "http://other:4200/api")
    assert configured.read()[0].api.url == "http://other:4200/api"


def test_another_profile_is_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = f'active = "work"\n[profiles.work]\nPREFECT_API_URL = "{ADDRESS}"\n[profiles.home]\n'
    (tmp_path / "home" / "profiles.toml").write_text(profiles)
    monkeypatch.setenv("PREFECT_PROFILE", "home")
    assert configured.read()[0].api.url is None
    monkeypatch.setenv("PREFECT_PROFILE", "wrok")
    _, said = configured.read()
    assert len(said) == 1
    assert "'wrok'" in said[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("home/profiles.toml", "active = work"),
        ("home/profiles.toml", "\0"),
        ("prefect.toml", "[api"),
        ("pyproject.toml", "tool = ["),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as raised:
        configured.read()
    assert str(tmp_path / name) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("profiles", ["profiles = 3", "[profiles]\nwork = 3", "[[profiles]]\nwork = 3"])
def test_profiles_of_another_form_are_an_error_of_the_user(tmp_path: Path, profiles: str) -> None:
    (tmp_path / "home" / "profiles.toml").write_text(profiles)
    with pytest.raises(UserError, match=r"Prefect can't read its settings.*profiles\.toml"):
        configured.read()


def test_a_value_that_is_none_is_named_without_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_REQUEST_TIMEOUT", "hunter2")
    with pytest.raises(UserError) as raised:
        configured.read()
    assert "request_timeout" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


class Site:
    """A server whose pages are given: the status and the body of each path; others have status 404."""

    def __init__(self, pages: dict[str, tuple[int, Any]]) -> None:
        self.asked: list[str | None] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.headers["Authorization"])
                status, body = pages.get(self.path, (404, "not found"))
                text = (body if isinstance(body, str) else json.dumps(body["json"])).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def site() -> Iterator[Any]:
    sites = []

    def make(pages: dict[str, tuple[int, Any]]) -> Site:
        sites.append(Site(pages))
        return sites[-1]

    yield make
    for made in sites:
        made.server.shutdown()
        made.server.server_close()


def check(address: str) -> list[str]:
    return configured.check(address, configured.read()[0])


def test_a_server_of_this_version_is_accepted_and_gets_the_login(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = site({"/api/admin/version": (200, {"json": prefect.__version__})})
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:pass")
    assert check(f"{own.address}/api") == check(f"{own.address}/api/") == []
    assert set(own.asked) == {"Basic YWRtaW46cGFzcw=="}


def test_an_older_server_is_named(site: Any) -> None:
    older = site({"/api/admin/version": (200, {"json": "3.0.1"})})
    [line] = check(f"{older.address}/api")
    assert "has version 3.0.1, older than" in line
    old = site({"/api/admin/version": (200, {"json": "2.20.1"})})
    with pytest.raises(UserError, match=r"has version 2\.20\.1.*upgrade the server"):
        check(f"{old.address}/api")


def test_an_address_without_api_is_completed_in_the_message(site: Any) -> None:
    page = (200, "<!DOCTYPE html>")  # the dashboard answers with itself to any path
    for status in (200, 401):
        own = site({"/admin/version": page, "/api/admin/version": (status, {"json": "3.8.8"})})
        with pytest.raises(UserError, match=f"lacks /api at the end: set PREFECT_API_URL={own.address}/api$"):
            check(own.address)


def test_what_is_no_server_or_wants_a_login_is_named(site: Any) -> None:
    locked = site({"/api/admin/version": (401, {"json": {}})})
    with pytest.raises(UserError, match=r"refuses the login.*PREFECT_API_AUTH_STRING"):
        check(f"{locked.address}/api")
    other = site({"/api/admin/version": (200, "<!DOCTYPE html>")})
    with pytest.raises(UserError, match="answers, but not as a Prefect server"):
        check(f"{other.address}/api")
    assert check(f"{site({}).address}/api") == []  # as Prefect Cloud, which says no version


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api", "http://127.0.0.1:9/api:x", "nothing", "http://[/api"])
def test_an_address_where_nothing_answers_is_named_without_its_password(address: str) -> None:
    with pytest.raises(UserError, match="does not answer; start it, or unset PREFECT_API_URL") as raised:
        check(address.replace("//", "//bob:hunter2@"))
    assert "hunter2" not in str(raised.value)
