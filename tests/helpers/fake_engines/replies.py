"""Parts of responses that several engines need."""

import json
from typing import Any

from tests.helpers.fake_search import Reply

HTML = "text/html; charset=utf-8"


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(value).encode(), status, headers=tuple(headers.items()))


def numbered_slice(photos: list[str], start: int, count: int) -> list[tuple[int, str]]:
    return list(enumerate(photos))[start : start + count]
