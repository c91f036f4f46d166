"""What the API answers, and how it refuses what it can't answer."""

import base64
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flows.api.champion import Champion
from tasks.inference.limits import Limit
from tasks.inference.limits import Limits as ProbabilityLimits
from tests.flows.api.conftest import TRAIN_PHOTO, photo

Client = Callable[..., Any]
BINARY = {"Content-Type": "application/octet-stream"}
JPEG = {"Content-Type": "image/jpeg"}


def encoded(*photos: bytes) -> list[str]:
    return [base64.b64encode(each).decode() for each in photos]


def png_header(side_px: int) -> bytes:
    """The beginning of a PNG that says that it is large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"")
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, body))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_photo_gets_its_classes_and_probabilities(client: Client) -> None:
    response = client().post("/predict?top_k=1", content=photo(255), headers=JPEG)
    answer = {"top": [{"class": "bright", "probability": 1.0}], "unsure": None, "possible_classes": None}
    assert response.json() == {"model": "first"} | answer
    assert (response.status_code, response.headers["x-content-type-options"]) == (200, "nosniff")


def test_answers_say_whether_they_are_unsure_and_which_classes_are_possible(client: Client, champion: Champion) -> None:
    champion.current.model.limits = ProbabilityLimits(Limit(0.95, 0.8), Limit(0.9, 0.3))  # type: ignore[misc]
    api = client()
    for grey, unsure, possible in ((0, False, ["dark"]), (153, True, ["bright", "dark"])):
        data = photo(grey, form="PNG")
        found = [api.post(path, content=data, headers=BINARY).json() for path in ("/predict", "/explain")]
        found += api.post("/predict/batch", json={"photos": encoded(data)}).json()["answers"]
        assert [(each["unsure"], each["possible_classes"]) for each in found] == [(unsure, possible)] * 3
    junk = api.post("/predict/batch", json={"photos": encoded(b"junk")}).json()["answers"][0]
    assert (junk["unsure"], junk["possible_classes"]) == (None, None)
    model = api.get("/model").json()
    assert model["abstain"] == {"wanted": 0.95, "least_probability": 0.8}
    assert model["sets"] == {"wanted": 0.9, "least_probability": 0.3}


def test_many_clients_get_the_answers_to_their_own_photos(client: Client) -> None:
    api = client()
    greys = list(range(0, 256, 8))

    def bright(grey: int) -> float:
        top = api.post("/predict", content=photo(grey, form="PNG"), headers=BINARY).json()["top"]
        return float(next(each["probability"] for each in top if each["class"] == "bright"))

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(bright, greys)) == [pytest.approx(grey / 255, abs=1e-6) for grey in greys]


def test_a_photo_of_a_batch_that_cant_be_read_does_not_hinder_the_others(client: Client) -> None:
    photos = [*encoded(photo(0), b"junk"), "not base64!", *encoded(photo(255))]
    found = client().post("/predict/batch", json={"photos": photos, "top_k": 1}).json()
    assert found["model"] == "first"
    assert [each["top"][0]["class"] if each["top"] else "" for each in found["answers"]] == ["dark", "", "", "bright"]
    assert [each["error"] for each in found["answers"]] == [
        "",
        "the photo can't be read: not a picture",
        "not base64: Only base64 data is allowed",
        "",
    ]


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"", JPEG, 422, "the body is empty"),
        (b"junk", JPEG, 422, "not a picture"),
        (photo(9, form="PNG")[:60], BINARY, 422, "can't be read"),
        (png_header(20_000), {"Content-Type": "image/png"}, 413, "more than 1 million pixels"),
        (photo(9), {}, 415, "Content-Type is missing, but must be image/* or application/octet-stream"),
        (
            photo(9),
            {"Content-Type": "application/x-www-form-urlencoded"},
            415,
            "form: curl --data-binary @photo.jpg -H",
        ),
        (photo(9), JPEG | {"Content-Encoding": "gzip"}, 415, "must not be compressed"),
        (bytes(2_000_001), BINARY, 413, "more than 2 MB"),
        (iter([bytes(1_500_000)] * 2), BINARY, 413, "more than 2 MB"),  # its length is not said before
    ],
    ids=["empty", "junk", "cut off", "bomb", "no type", "form", "gzip", "large", "large in chunks"],
)
def test_what_is_no_photo_is_refused(client: Client, body: Any, headers: dict[str, str], status: int, reason: str):
    for path in ("/predict", "/explain"):
        if isinstance(body, bytes) or path == "/predict":
            response = client(photo_mb=2, photo_mpx=1).post(path, content=body, headers=headers)
            assert response.status_code == status
            assert list(response.json()) == ["error"]
            assert reason in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 422, "Invalid JSON"),
        (b'{"photos": []}', 422, "at least 1 item"),
        (b'{"photo": ["AAAA"]}', 422, "photos: Field required; photo: Extra inputs"),
        (b'{"photos": ["AAAA"], "top_k": 0}', 422, "top_k: Input should be greater"),
        (b'{"photos": ["", "", ""]}', 413, "more than 2 photos"),
        (b"[" * 100_000, 422, "Invalid JSON"),
        (b'{"photos": ["' + b"A" * 1_000_000 + b'"]}', 413, "more than 1 MB"),
    ],
)
def test_a_wrong_batch_is_refused(client: Client, body: bytes, status: int, reason: str) -> None:
    api = client(batch_photos=2, batch_mb=1)
    response = api.post("/predict/batch", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, reason in response.json()["error"]) == (status, True), response.json()
    assert len(response.content) < 1000  # what was given isn't sent back


def test_a_server_that_has_enough_to_do_says_when_to_come_again(client: Client) -> None:
    for limits in ({"waiting_photos": 0}, {"waiting_mb": 0.0001}):
        response = client(**limits).post("/predict", content=photo(9), headers=JPEG)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    api = client(waiting_photos=1, waiting_mb=0.01)
    for body in (b"junk", photo(9), b"junk", bytes(20_000), photo(9)):  # a request gives back what it has taken
        status = api.post("/predict", content=body, headers=JPEG).status_code
    assert status == 200


def test_an_explanation_has_a_heat_map_and_similar_photos(client: Client) -> None:
    found = client().post("/explain?top_k=1", content=photo(0, side_px=100), headers=JPEG).json()
    assert found["top"] == [{"class": "dark", "probability": 1.0}]
    assert found["nearest"] == [{"photo": TRAIN_PHOTO, "class": "dark", "cosine": 0.5}]
    assert found["photo"].startswith("data:image/jpeg;base64,")
    assert found["heat_map"].startswith("data:image/jpeg;base64,")
    assert found["heat_map"] != found["photo"]


def test_errors_of_the_server_are_json_without_details(client: Client, champion: Champion) -> None:
    def fails(_: bytes) -> None:
        raise RuntimeError("secret")

    champion.current.model.tile = fails  # type: ignore[method-assign,assignment]
    response = client().post("/predict", content=photo(9), headers=JPEG)
    assert (response.status_code, list(response.json())) == (500, ["error"])
    assert "secret" not in response.text


def test_the_model_and_the_health_can_be_asked(client: Client, champion: Champion) -> None:
    api = client(photo_mb=3)
    assert api.get("/health").json() == {"status": "ok", "model": "first", "problem": ""}
    champion.problem = "it has been deleted"
    assert api.get("/health").json()["status"] == "outdated"
    model = api.get("/model").json()
    assert (model["classes"], model["unknown"], model["photo_mb"]) == (["dark", "bright"], None, 3)
    assert (model["abstain"], model["sets"]) == (None, None)


def test_the_documentation_names_every_route_and_loads_nothing_from_elsewhere(client: Client) -> None:
    api = client()
    described, page = api.get("/openapi.json").json(), api.get("/docs")
    assert list(described["paths"]) == ["/predict", "/predict/batch", "/explain", "/model", "/health"]
    assert all(path in page.text for path in described["paths"])
    assert "`" not in page.text
    assert "//" not in page.text.replace("<!doctype html>", "")
    assert api.get("/page.css").status_code == 200
    response = api.get("/nothing")
    assert (response.status_code, list(response.json())) == (404, ["error"])
    assert "the page /docs lists" in response.json()["error"]
    assert api.post("/predict/", follow_redirects=False).json() == response.json()  # no redirect, which has no JSON
