"""Prefect artifacts of the current run: tables, pages, pictures and bars of progress, which the sender sends."""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.context import FlowRunContext, TaskRunContext

from flows.dashboard import sender

model_name: ContextVar[str] = ContextVar("model_name", default="")
"""The name of the model that the current run is about; the dashboard keeps a series of artifacts for each."""


@contextmanager
def named(name: str) -> Iterator[None]:
    """Let the keys of artifacts have the name of a model."""
    token = model_name.set(name)
    try:
        yield
    finally:
        model_name.reset(token)


def key(what: str) -> str:
    """Return the key of an artifact of the current run, such as `fluke-whales-train`.

    Prefect allows lowercase letters, digits and dashes. A name that loses something gets a digest, so that the
    artifacts of two names don't mix.
    """
    name = model_name.get()
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if plain != name:
        plain = "-".join(filter(None, [plain, hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:4]]))
    return "-".join(filter(None, ["fluke", plain if name else "", what]))


def flow_run_id() -> UUID | None:
    """Return the ID of the flow run that the current thread belongs to."""
    if task := TaskRunContext.get():
        return task.task_run.flow_run_id
    flow = FlowRunContext.get()
    return flow.flow_run.id if flow and flow.flow_run else None


def table(what: str, rows: Sequence[Mapping[str, object]], description: str) -> None:
    """Show a table; `what` ends its key."""
    sender.put(sender.Post("/artifacts/", _body("table", what, json.dumps(rows), description)))


def page(what: str, markdown: str, description: str | None = None) -> None:
    """Show a page of Markdown; `what` ends its key."""
    sender.put(sender.Post("/artifacts/", _body("markdown", what, markdown, description)))


def data_url(svg: str) -> str:
    """Return a picture in SVG as an address, for Markdown: artifacts of type image show the whole address below it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


class Bar:
    """A bar of progress; its message sends the newest percentage, however long it has waited."""

    size = 200

    def __init__(self, description: str) -> None:
        self.percent = 0.0
        self._body = _body("progress", "progress", 0, description)
        self._id: str | None = None

    def send(self, client: SyncPrefectClient) -> None:
        """Create the bar, or update it."""
        if self._id is None:
            answer = client.request("POST", "/artifacts/", json=self._body | {"data": self.percent})
            self._id = str(answer.json()["id"])
        else:
            client.request("PATCH", "/artifacts/{id}", path_params={"id": self._id}, json={"data": self.percent})


def _body(
    kind: Literal["table", "markdown", "progress"], what: str, data: object, description: str | None
) -> dict[str, Any]:
    task, flow = TaskRunContext.get(), flow_run_id()
    ids = {"task_run_id": task.task_run.id if task else None, "flow_run_id": flow}
    known = {name: str(value) for name, value in ids.items() if value}
    return {"type": kind, "key": key(what), "data": data, "description": description} | known
