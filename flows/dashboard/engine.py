"""Keeps a run independent of the Prefect server that it is shown on: what Prefect asks the server is bounded in time.

At the start of a flow run, Prefect creates it or notes that it runs. After that, its engine asks the server only to set
the final state and, for a deployment that runs once at a time, to renew its slot. An answer that doesn't come fails the
run: after 7 minutes for each request, and the final state is requested up to four times.
"""

import json
import logging
import os
import threading
import time
import uuid
from asyncio import AbstractEventLoop, all_tasks
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import Flow, flow_engine
from prefect._internal.concurrency.threads import get_global_loop
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, SettingsContext, get_settings_context
from prefect.exceptions import PrefectException
from prefect.flow_engine import _send_heartbeats
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from pydantic_core import to_jsonable_python

from flows.dashboard.logs import logs
from flows.dashboard.sender import REQUEST_TIMEOUT_S

P = ParamSpec("P")
R = TypeVar("R")
Send = Callable[..., httpx.Response]

COMMAND_PATIENCE_S = 5
"""How long a run of `fluke run` waits for the server, over all its requests."""
DEPLOYMENT_PATIENCE_S = 120
"""How long a run that the server has started waits for it: `fluke serve` starts it again in the meantime."""
_EXIT_PATIENCE_S = 4
_PAUSE_S = 0.5
_SHORTEST_TIMEOUT_S = 2

logger = logging.getLogger("fluke.dashboard")

_has_begun: ContextVar[threading.Event | None] = ContextVar("has_begun", default=None)
_guard = threading.Lock()


@contextmanager
def attached() -> Iterator[None]:
    """Send fluke's log to the current flow run, and from now on wait for its server only for a bounded time."""
    if begun := _has_begun.get():
        begun.set()
    if (context := FlowRunContext.get()) and context.flow_run:
        client = getattr(context.client, "_client", None)
        if isinstance(client, httpx.Client):
            patience_s = DEPLOYMENT_PATIENCE_S if context.flow_run.deployment_id else COMMAND_PATIENCE_S
            client.send = bounded(client.send, patience_s)  # type: ignore[method-assign]
        _bound_the_exit()
    with logs():
        yield


def deployment_name() -> str:
    """Return the name of the deployment that the current flow run is of; empty if it is of none, or can't be asked."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        return ""
    bounds = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: REQUEST_TIMEOUT_S}
    try:
        with temporary_settings(bounds), get_client(sync_client=True) as client:
            return client.read_deployment(context.flow_run.deployment_id).name
    except (httpx.HTTPError, RuntimeError, PrefectException) as error:
        logger.info("the name of this run's deployment is not known: %s", error)
        return ""


def bounded(send: Send, patience_s: float) -> Send:
    """Return a function that sends requests, and answers itself what a run needs when the server doesn't.

    It waits for the server for `patience_s` altogether, not for each request.
    """
    left_s = patience_s
    context = get_settings_context()
    client = context.settings.client.model_copy(update={"max_retries": 0})
    once = context.settings.model_copy(update={"client": client})  # `copy_with_update` would take 0.1 s

    def send_bounded(request: httpx.Request, **options: Any) -> httpx.Response:
        nonlocal left_s
        started_at = time.monotonic()
        deadline = started_at + left_s
        while True:
            timeout_s = max(_SHORTEST_TIMEOUT_S, min(REQUEST_TIMEOUT_S, deadline - time.monotonic()))
            request.extensions["timeout"] = httpx.Timeout(timeout_s).as_dict()
            try:
                with SettingsContext(profile=context.profile, settings=once):
                    response = send(request, **options)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if time.monotonic() < deadline and not _is_refusal(error):
                    time.sleep(_PAUSE_S)
                    continue
                left_s = max(0.0, deadline - time.monotonic())
                if (answer := _stand_in(request)) is None:
                    raise
                return answer
            left_s = patience_s
            return response

    return send_bounded


def call(flow: Flow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a flow; if the server fails before its body has begun, run it without a server.

    At the end of a flow, Prefect would wait until the thread that sends heartbeats has slept its second to the end.
    That thread sends nothing more, and ends with the process. To write parameters as JSON, Prefect would import
    FastAPI, which takes 0.3 s.
    """
    flow_engine._send_heartbeats = partial(_send_heartbeats, join_on_exit=False)
    flow.serialize_parameters = _serialized  # type: ignore[method-assign]
    begun = threading.Event()
    token = _has_begun.set(begun)
    try:
        return flow(*args, **kwargs)
    except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: Prefect's first request failed
        is_network = isinstance(error, httpx.HTTPError) or isinstance(error.__cause__, httpx.HTTPError)
        if begun.is_set() or not is_network:
            raise
        logger.warning("the Prefect server does not answer, so the dashboard doesn't show this run: %s", error)
        return flow.fn(*args, **kwargs)
    finally:
        _has_begun.reset(token)


def _serialized(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: to_jsonable_python(value) for name, value in parameters.items()}


def _is_refusal(error: httpx.TransportError | httpx.HTTPStatusError) -> bool:
    """Whether the server has answered, and would answer the same again: the run was deleted from the dashboard."""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500


def _renews_slot(request: httpx.Request) -> bool:
    return request.url.path.endswith("/renew")


def _stand_in(request: httpx.Request) -> httpx.Response | None:
    """Return the answer without which a run would fail at its end, or lose its slot and be stopped."""
    if _renews_slot(request):
        return httpx.Response(200, request=request, json=None)
    if not request.url.path.endswith("/set_state"):
        return None
    state = json.loads(request.content)["state"]
    if state["type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING"):
        return None
    logger.warning(
        "the Prefect server does not answer, so the dashboard doesn't show that the run ended; its record does",
        extra={"send_to_api": False},
    )
    kept = {name: value for name, value in state.items() if name in ("type", "name", "message")}
    accepted = kept | {"id": str(uuid.uuid4()), "timestamp": datetime.now(UTC).isoformat()}
    details = {"type": "accept_details"}
    return httpx.Response(201, request=request, json={"state": accepted, "status": "ACCEPT", "details": details})


def _bound_the_exit() -> None:
    """Let this process end a few seconds after its main thread, even if Prefect still waits for a server.

    At the end of a process, Prefect waits until its events are sent, without a limit: for a server that doesn't answer,
    almost two minutes for each event.
    """
    if _guard.acquire(blocking=False):  # once for each process
        threading.Thread(target=_end_services, args=(os.getpid(), get_global_loop()._loop), daemon=True).start()


def _end_services(process: int, loop: AbstractEventLoop | None) -> None:
    # Prefect waits in a function that Python calls before the main thread counts as ended.
    while not getattr(threading, "_SHUTTING_DOWN", False) and threading.main_thread().is_alive():
        time.sleep(_PAUSE_S)
    time.sleep(_EXIT_PATIENCE_S)
    if loop is None or os.getpid() != process:
        return

    def cancel() -> None:
        for task in all_tasks(loop):
            if getattr(task.get_coro(), "__qualname__", "") == "_QueueServiceBase._run":
                task.cancel()

    loop.call_soon_threadsafe(cancel)
