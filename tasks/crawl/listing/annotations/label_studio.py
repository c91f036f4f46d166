"""Label Studio's JSON and JSON-MIN exports: a list of tasks with photos and choices (labelstud.io/guide/export).

A photo is the URL that the task has: of an uploaded file, of a local one, or of one in a bucket. On this machine it is
found by the path in the URL, or by its last part; an upload's name begins with eight hex digits, which may be gone.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel

from tasks.crawl.listing.annotations.named_classes import NamedClasses

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")
_MIN_LABELS = ("choice", "choices", "label")


class Result(BaseModel):
    """What an annotator said: `value` has the classes under the name of the type, such as `choices`."""

    type: str
    value: dict[str, Any]


class Annotation(BaseModel):
    """The answer of one annotator."""

    result: list[Result] = []
    was_cancelled: bool = False


class Task(BaseModel):
    """A photo with all answers."""

    data: dict[str, Any]
    annotations: list[Annotation] = []

    def named_classes(self) -> NamedClasses:
        """Return the photo; raises ValueError if the task has none."""
        answers = [result for one in self.annotations if not one.was_cancelled for result in one.result]
        classes = [label for result in answers for label in _texts(result.value.get(result.type))]
        return NamedClasses(_spellings(_image(self.data)), frozenset(classes))


def photos(content: list[dict[str, Any]]) -> list[NamedClasses]:
    """Return the photos in the order of the file.

    Raises:
        ValueError: A task has no photo, or not the form of an export.
    """
    return [
        Task.model_validate(task).named_classes() if isinstance(task.get("data"), dict) else _from_min(task)
        for task in content
    ]


def _from_min(task: dict[str, Any]) -> NamedClasses:
    """Return the photo of a task of JSON-MIN, whose keys are those of the data and of the answers."""
    labels = next((task[key] for key in _MIN_LABELS if key in task), None)
    if isinstance(labels, dict):
        labels = labels.get("choices")
    return NamedClasses(_spellings(_image(task)), frozenset(_texts(labels)))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _image(data: dict[str, Any]) -> str:
    """Return the URL of the photo: of `image`, or else the first text that looks like one."""
    texts = [text for text in data.values() if isinstance(text, str) and "/" in text]
    if isinstance(named := data.get("image"), str):
        return named
    if texts:
        return texts[0]
    raise ValueError(f"a task has no photo: its data are {', '.join(data) or 'empty'}")


def _spellings(url: str) -> tuple[str, ...]:
    """Return the names that the file may have on this machine, the likeliest first."""
    return tuple(dict.fromkeys(_possible_names(url)))


def _possible_names(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if local := parse_qs(parts.query).get("d"):  # /data/local-files/?d=PATH
        path = local[0]
    path = path.lstrip("/")
    last = path.rpartition("/")[2]
    yield from (path, last, _UPLOAD_PREFIX.sub("", last, count=1))
