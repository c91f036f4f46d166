"""The page of `fluke open`."""

from typing import Any

import pytest

from flows.api import page
from flows.api.answering import Answering
from flows.api.bodies import Limits
from flows.api.champion import Champion
from tests.flows.api.conftest import PORT, TRAIN_PHOTO, TestClient, photo

TOKEN = "secret"
OWN = {"Content-Type": "application/octet-stream", "Origin": f"http://127.0.0.1:{PORT}"}


@pytest.fixture
def opened(champion: Champion) -> Any:
    built = page.build(Answering(champion, Limits()), token=TOKEN, port=PORT)
    return TestClient(built, base_url=f"http://127.0.0.1:{PORT}")


def test_the_page_and_its_files_are_there_and_load_nothing_from_elsewhere(opened: Any) -> None:
    kinds = {"": "text/html", "page.js": "text/javascript", "dom.js": "text/javascript", "icon.svg": "image/svg+xml"}
    for name, kind in (kinds | {"page.css": "text/css", "open.css": "text/css"}).items():
        response = opened.get(f"/{TOKEN}/{name}")
        assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (200, kind)
        assert "unsafe" not in response.headers["content-security-policy"]
        if name != "icon.svg":  # the name of its XML namespace is an address
            assert "http" not in response.text
    assert "lamps" in opened.get(f"/{TOKEN}/").text


def test_only_who_knows_the_token_gets_an_answer(opened: Any) -> None:
    for path in ("/", "/predict", "/explain", "/health", "/wrong/explain", f"/picture/{TRAIN_PHOTO}/small"):
        assert opened.get(path).status_code == 404
    assert opened.post(f"/{TOKEN}/explain", content=photo(9), headers=OWN).status_code == 200
    assert opened.post(f"/{TOKEN}/explain", content=photo(9), headers=OWN | {"Origin": "null"}).status_code == 403


def test_only_train_photos_are_shown(opened: Any) -> None:
    response = opened.get(f"/{TOKEN}/picture/{TRAIN_PHOTO}/small")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    for wrong in (f"{'1' * 64}/small", f"{TRAIN_PHOTO}/huge", "..%2f..%2fsecret/small"):
        assert opened.get(f"/{TOKEN}/picture/{wrong}").status_code == 404
