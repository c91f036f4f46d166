"""A page over six doubtful photos of two classes, and a client that may talk to it."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.review import app
from flows.review import items as sheet
from flows.review.session import Desk
from tests.helpers.review import Doubtful, write_classes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would like another client, which Prefect doesn't bring
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
    """A page, and ways to talk to it."""

    root: Path
    sheet: sheet.Sheet
    client: Any

    def get(self, what: str, **headers: str) -> Any:
        return self.client.get(f"/{TOKEN}/{what}", headers=headers)

    def post(self, what: str, body: Any, **headers: str) -> Any:
        ours = {"Origin": f"http://127.0.0.1:{PORT}"} | headers
        return self.client.post(f"/{TOKEN}/{what}", json=body, headers=ours)

    def rows(self, query: str = "state=all") -> list[dict[str, Any]]:
        answer = self.get(f"rows?{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    def decide(self, row: dict[str, Any], action: str, **more: str) -> Any:
        return self.post("decide", {"photo": row["photo"], "label": row["label"], "action": action} | more)


def open_page(data: Path, photos_sheet: sheet.Sheet, title: str = "demo") -> Page:
    """Serve a sheet to a client within this process."""
    desk = Desk(data, photos_sheet)
    built = app.build(data, photos_sheet, desk, title=title, token=TOKEN, port=PORT)
    client = TestClient(built, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    return Page(data, photos_sheet, client)


@pytest.fixture(name="open_page")
def _open_page() -> Any:
    return open_page


@pytest.fixture
def doubtful(tmp_path: Path) -> Doubtful:
    """Photos 0 to 2 are cats, 3 to 5 dogs."""
    write_classes(tmp_path / "photos", {"cat": 3, "dog": 3})
    return Doubtful(tmp_path / "data", tmp_path / "photos")


@pytest.fixture
def page(doubtful: Doubtful) -> Page:
    """ROWS, served."""
    return open_page(doubtful.data, sheet.read(doubtful.publish(ROWS), "demo"))
