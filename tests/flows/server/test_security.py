"""Requests that our checks in front of Prefect's server accept, and requests that they reject."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from flows.server.app import protect

OWN = "http://127.0.0.1:4200"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def planted() -> list[bytes]:
    """The automations that requests have made."""
    return []


@pytest.fixture
def client(planted: list[bytes]) -> Iterator[TestClient]:
    """A client of an application that believes everybody, as Prefect's does, behind our checks."""

    async def plant(request: Request) -> JSONResponse:
        planted.append(await request.body())
        return JSONResponse({}, 201)

    async def read(_: Request) -> JSONResponse:
        return JSONResponse("3.8.8")

    async def events(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    prefect = Starlette(
        routes=[
            Route("/api/automations/", plant, methods=["POST", "PUT", "PATCH", "DELETE"]),
            Route("/api/admin/version", read),
            Route("/runs", read),
            WebSocketRoute("/api/events/in", events),
        ]
    )
    with TestClient(protect(prefect), base_url=OWN) as client:
        yield client


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "[::1]:4200", "localhost:9999", "localhost"])
def test_programs_and_tunnels_of_this_machine_may_read_and_write(
    client: TestClient, planted: list[bytes], host: str
) -> None:
    for origin in ({}, {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}):
        headers = {"Host": host, **origin}
        assert client.get("/api/admin/version", headers=headers).json() == "3.8.8"
        assert client.post("/api/automations/", content=b"{}", headers=headers | JSON).status_code == 201
    assert planted == [b"{}", b"{}"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4200",
        "127.0.0.1.evil.example:4200",
        "localhost.evil.example",
        "127.0.0.1:4200@evil.example",
        "127.0.0.1:x",
        "0.0.0.0:4200",
        "",
    ],
)
def test_a_foreign_host_name_that_leads_here_is_rejected(client: TestClient, planted: list[bytes], host: str) -> None:
    for path in ("/", "/runs", "/api/admin/version", "/fluke/login", "/fluke/process"):
        assert client.get(path, headers={"Host": host}).status_code == 421
    headers = {"Host": host, "Origin": f"http://{host}", **JSON}
    assert client.post("/api/automations/", content=b"{}", headers=headers).status_code == 421
    assert planted == []


def test_two_host_names_are_rejected(client: TestClient) -> None:
    headers = [("Host", "127.0.0.1:4200"), ("Host", "evil.example")]
    assert client.get("/api/admin/version", headers=headers).status_code == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:4200", "http://127.0.0.1:3000", "http://localhost:4200"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_origin_is_rejected(client: TestClient, planted: list[bytes], origin: str, method: str) -> None:
    response = client.request(method, "/api/automations/", headers={"Origin": origin, **JSON}, content=b"{}")
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers
    assert planted == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_may_link_to_the_dashboard_and_nothing_else(
    client: TestClient, planted: list[bytes], site: str
) -> None:
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert client.get("/runs", headers=link).status_code == 200
    assert client.post("/api/automations/", content=b"{}", headers=link | JSON).status_code == 403
    assert client.get("/api/admin/version", headers={**link, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert planted == []


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "text/plain;application/json"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_must_say_that_it_is_json(
    client: TestClient, planted: list[bytes], kind: str | None, method: str
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    for body in (b"{}", iter([b"{}"])):  # the second one has no length
        assert client.request(method, "/api/automations/", content=body, headers=headers).status_code == 415
    assert planted == []
    for accepted in ("application/json", "Application/JSON; charset=utf-8"):
        headers = {"Content-Type": accepted}
        assert client.request(method, "/api/automations/", content=b"{}", headers=headers).status_code == 201
    assert client.request(method, "/api/automations/").status_code == 201  # no body, as when a deployment is paused


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Host": "evil.example", "Origin": "http://evil.example"}, {"Origin": "null"}],
)
def test_web_sockets_are_for_programs_and_our_pages(client: TestClient, headers: dict[str, str]) -> None:
    for accepted in ({}, {"Origin": OWN}):
        with client.websocket_connect(f"{OWN.replace('http', 'ws')}/api/events/in", headers=accepted) as socket:
            socket.send_text("an event")
            assert socket.receive_text() == "an event"
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"{OWN.replace('http', 'ws')}/api/events/in", headers=headers),
    ):
        pass


def test_no_other_page_may_show_ours_in_a_frame_and_ours_tell_nobody_what_they_show(client: TestClient) -> None:
    for path in ("/runs", "/fluke/login", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "connect-src 'self'" in headers["content-security-policy"]


def test_the_login_page_runs_our_script_only(client: TestClient) -> None:
    page = client.get("/fluke/login")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert 'src="login.js"' in page.text
    script = client.get("/fluke/login.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "prefect-password" in script.text
