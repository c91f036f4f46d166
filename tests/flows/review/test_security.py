"""Requests that the page accepts, and requests that it rejects."""

from typing import Any

import pytest

from flows.local_page.security import HEADERS
from tasks.filter import review_log


def test_the_page_and_its_files_have_strict_security_headers(page: Any) -> None:
    for what, kind in [("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")]:
        response = page.get(what)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(kind)
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in response.headers["content-security-policy"]
        assert "http://" not in response.text
        assert "https://" not in response.text


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/rows", "/secre/", "/secretx/rows", "//secret/rows", "/%00/"])
def test_without_the_token_nothing_is_found(page: Any, path: str) -> None:
    response = page.client.get(path)
    assert response.status_code == 404
    assert "photo" not in response.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1", "127.0.0.1:9", "localhost.evil.example:8000", ""]
)
def test_another_host_name_is_rejected_even_with_the_token(page: Any, host: str) -> None:
    assert page.get("rows", Host=host).status_code == 421
    assert page.post("undo", {}, Host=host, Origin=f"http://{host}").status_code == 421


def test_localhost_is_accepted(page: Any) -> None:
    host = "localhost:8000"
    assert page.get("rows", Host=host).status_code == 200
    row = page.rows()[0]
    body = {"photo": row["photo"], "label": row["label"], "action": "reject", "shown": None}
    assert page.post("decide", {"changes": [body]}, Host=host, Origin=f"http://{host}").status_code == 200
    assert page.post("undo", {}, Host=host).status_code == 403  # the origin has the other host name


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:8001", "http://127.0.0.1", ""]
)
def test_other_sites_cannot_post_decisions_even_with_the_token(page: Any, origin: str) -> None:
    row = page.rows()[0]
    body = {"photo": row["photo"], "label": row["label"], "action": "reject", "shown": None}
    assert page.post("decide", body, Origin=origin).status_code == 403
    assert page.client.post("/secret/decide", json=body).status_code == 403  # no Origin header
    assert review_log.read(page.root) == {}
