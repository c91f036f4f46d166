"""A page with six photos of two classes to review, and an HTTP client for it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.review import app, items
from flows.review.items import ReviewList
from flows.review.lists import ReviewLists
from tests.helpers.review import ReviewFolder, write_classes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette recommends another client, which isn't a dependency
    from starlette.testclient import TestClient

TOKEN, PORT = "secret", 8000
ROWS = [
    {"photo": 0, "reason": "blurred", "score": 0.1234567, "threshold": 0.5},
    {"photo": 3, "reason": "near duplicate", "score": 4.0, "threshold": 10.0, "twin": 1},
    {"photo": 1, "reason": "blurred", "score": float("nan"), "threshold": None},
    {"photo": 4, "reason": "wrong label", "kept": True, "suggestion": "cat"},
    {"photo": 5, "reason": "wrong label", "kept": True, "suggestion": "dog"},
    {"photo": 2, "reason": "dark"},
]


@dataclass
class Page:
    """A page, and an HTTP client for it."""

    root: Path
    review_list: ReviewList
    client: Any

    def get(self, what: str, **headers: str) -> Any:
        return self.client.get(f"/{TOKEN}/{what}", headers=headers)

    def post(self, what: str, body: Any, **headers: str) -> Any:
        ours = {"Origin": f"http://127.0.0.1:{PORT}"} | headers
        return self.client.post(f"/{TOKEN}/{what}", json=body, headers=ours)

    def rows(self, query: str = "state=all") -> list[dict[str, Any]]:
        response = self.get(f"rows?{query}")
        assert response.status_code == 200, response.text
        return response.json()["rows"]

    def decide(self, row: dict[str, Any], action: str, **more: Any) -> Any:
        """Decide as a page that shows the photo as it is now; `shown` is what another page shows."""
        return self.change("decide", [row], action=action, **more)

    def undo(self, row: dict[str, Any], **more: Any) -> Any:
        """Undo the decision about a photo, or the one in `shown`."""
        return self.change("undo", [row], **more)

    def change(self, what: str, rows: list[dict[str, Any]], query: str = "", **more: Any) -> Any:
        """Decide about photos or undo, in one request of a page with some filters."""
        keys = [{"photo": row["photo"], "label": row["label"]} for row in rows]
        changes = [{**key, **self._shown(row, more)} for key, row in zip(keys, rows, strict=True)]
        return self.post(f"{what}?{query}", {"changes": changes})

    def _shown(self, row: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        return more if "shown" in more else {"shown": self.decision(row), **more}

    def decision(self, row: dict[str, Any]) -> dict[str, str] | None:
        """Return the decision that the page shows about a photo."""
        same = [now for now in self.rows() if (now["photo"], now["label"]) == (row["photo"], row["label"])]
        return same[0]["decision"] if same else None


def open_page(
    data: Path,
    review_list: ReviewList,
    title: str = "demo",
    newer: Callable[[ReviewList], ReviewList | None] = lambda _: None,
) -> Page:
    """Serve a list of photos to a client in this process."""
    lists = ReviewLists(data, review_list, newer)
    built = app.build(data, lists, title=title, token=TOKEN, port=PORT)
    client = TestClient(built, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    return Page(data, review_list, client)


@pytest.fixture(name="open_page")
def _open_page() -> Any:
    return open_page


@pytest.fixture
def review_folder(tmp_path: Path) -> ReviewFolder:
    """Photos 0 to 2 are cats, 3 to 5 dogs."""
    write_classes(tmp_path / "photos", {"cat": 3, "dog": 3})
    return ReviewFolder(tmp_path / "data", tmp_path / "photos")


@pytest.fixture
def page(review_folder: ReviewFolder) -> Page:
    """The page with ROWS."""
    return open_page(review_folder.data, items.read(review_folder.publish(ROWS), "demo"))
