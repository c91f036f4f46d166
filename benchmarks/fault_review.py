"""Decide about photos through the HTTP API of a `fluke review` that may be killed."""

import http.client
import json
import re
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_DECISIONS, _PAUSE_S = 60, 0.05
"""Decisions that a review makes, and the time between two of them."""


@dataclass
class Review:
    """How far a review is, which may go on in the next process."""

    acknowledged: int = 0
    """Decisions that a server has confirmed."""
    lost: list[str] = field(default_factory=list)
    """Confirmed decisions that the next server doesn't know."""
    is_refused: bool = False
    """The server has refused a decision, and goes on."""


def decide(process: "subprocess.Popen[bytes]", log: Path, review: Review) -> bool:
    """Make decisions through the HTTP API of a review, from the first that isn't acknowledged on.

    Returns:
        Whether it still waits for requests.
    """
    address = None
    while address is None:
        if process.poll() is not None:
            return False
        time.sleep(0.05)
        address = re.search(r"http://127\.0\.0\.1:\d+/\S*", log.read_text(errors="replace"))
    try:
        rows = _ask(f"{address[0]}rows?state=all")["rows"]
        shown = {(row["photo"], row["label"]): row["decision"] for row in rows}
        expected = {_key(rows, i): _action(rows, i) for i in range(review.acknowledged)}
        expected.pop(_key(rows, review.acknowledged), None)  # this one may have been made without an answer
        review.lost += [
            f"acknowledged decision {action} about {key[0][:8]}"
            for key, action in expected.items()
            if action != (shown[key] or {}).get("action")
        ]
        for number in range(review.acknowledged, _DECISIONS):
            photo, label = key = _key(rows, number)
            body = {"photo": photo, "label": label, "action": _action(rows, number), "shown": shown[key]}
            shown[key] = _ask(f"{address[0]}decide", {"changes": [body]})["changed"][0]["decision"]
            review.acknowledged += 1
            time.sleep(_PAUSE_S)
    except (OSError, http.client.HTTPException):  # refused for want of space, or killed: it is not acknowledged
        review.is_refused = True
    return process.poll() is None


def _key(rows: list[dict[str, Any]], number: int) -> tuple[str, str]:
    row = rows[number % len(rows)]
    return row["photo"], row["label"]


def _action(rows: list[dict[str, Any]], number: int) -> str:
    return ("keep", "reject")[number // len(rows) % 2]


def _ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        found: dict[str, Any] = json.load(response)
    return found
