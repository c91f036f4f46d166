"""The HTTP routes: methods, invalid requests, and hostile text."""

from typing import Any

import pytest

from flows.review import items
from tasks.filter import review_log
from tests.helpers.review import ReviewFolder

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</i></template><script>alert(1)</script>",
    "nul\0nul",
    "\u202egpj.exe",
    "مرحبا",
    "x" * 300,
    "{{ 7 * 7 }}",
    "../../etc/passwd",
    "'\"`;--",
]


def test_other_methods_are_rejected(page: Any) -> None:
    ours = {"Origin": "http://127.0.0.1:8000"}
    assert page.client.head("/secret/").status_code == 200
    assert page.client.head("/secret/rows").content == b""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert page.client.request(method, "/secret/rows", headers=ours).status_code == 405
    for what in ("decide", "undo"):
        assert page.get(what).status_code == 405
        response = page.client.options(f"/secret/{what}", headers=ours)
        assert response.status_code == 405
        assert not any(name.startswith("access-control") for name in response.headers)


def test_posted_data_must_be_short_valid_json(page: Any) -> None:
    ours = {"Origin": "http://127.0.0.1:8000"}
    form = page.client.post("/secret/decide", data={"photo": "a"}, headers=ours)
    assert form.status_code == 415
    row = page.rows()[0]
    good = {"photo": row["photo"], "label": row["label"], "action": "keep", "shown": None}
    unseen = {name: value for name, value in good.items() if name != "shown"}
    assert page.post("decide", {"changes": [good | {"to": "x" * (9 << 20)}]}).status_code == 413
    for changes, error in [
        ("keep", "changes must be a list"),
        ([[]], "changes must be a list"),
        (None, "changes must be a list"),
        ([good] * 2001, "2,001 changes; at most 2,000"),
        ([good, good], "given twice"),
    ]:
        response = page.post("decide", {"changes": changes})
        assert (response.status_code, error in response.json()["error"]) == (400, True), error
    for bad in [
        [],
        {},
        unseen,
        good | {"shown": "keep"},
        good | {"shown": {}},
        good | {"shown": {"action": "keep", "to": None}},
        good | {"action": "undo"},
        good | {"action": ["keep"]},
        good | {"photo": "0" * 64},
        good | {"label": "dog"},
        good | {"label": None},
        good | {"to": "dog"},
        good | {"action": "move"},
        good | {"action": "move", "to": "cat"},
        good | {"action": "move", "to": "catt"},
    ]:
        response = page.post("decide", {"changes": [bad]})
        assert (response.status_code, list(response.json())) == (400, ["error"]), bad
    for shown in (None, {}, {"action": "keep", "to": ""}):
        assert page.post("undo", {"changes": [good | {"shown": shown}]}).status_code == 400
    assert page.post("undo", {"changes": [unseen]}).status_code == 400
    json = {"Content-Type": "application/json"}
    for data in (b"{", b"\xff", b"[" * 10000):
        assert page.client.post("/secret/decide", content=data, headers=ours | json).status_code == 400
    assert page.get("rows?after=x").status_code == 400
    assert page.get("rows?state=x").status_code == 400
    assert page.get("rows?list=7").status_code == 400
    assert not (page.root / review_log.NAME).exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(review_folder: ReviewFolder, open_page: Any, text: str) -> None:
    folder = review_folder.publish([{"photo": 0, "label": text, "name": text, "reason": text, "suggestion": "dog"}])
    page = open_page(review_folder.data, items.read(folder, "demo"), title=text)
    html = page.get("").text
    assert "<img" not in html
    assert html.count("<script") == 1
    assert html.count("</template>") == 2
    assert "{{ 7 * 7 }}" in html or "7 * 7" not in html
    response = page.get("rows")
    assert response.headers["content-type"] == "application/json"
    (row,) = response.json()["rows"]
    assert (row["label"], row["name"], row["reason"]) == (text, text, text)
    assert page.decide(row, "move", to="dog").status_code == 200
    assert [decision.key.label for decision in review_log.read(page.root).values()] == [text]
    with_label = page.client.get("/secret/rows", params={"state": "reviewed", "label": text, "reason": text})
    assert len(with_label.json()["rows"]) == 1
