"""Requests to a Prefect server's API."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

Value = TypeVar("Value")


def post(api_url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Return the answer to a POST request; retry while the server's database is busy (503), as Prefect does."""
    client = str(uuid4())
    token = get(api_url, f"csrf-token?client={client}")["token"]
    headers = {"Content-Type": "application/json", "Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}
    request = urllib.request.Request(f"{api_url}/{path}", json.dumps(body or {}).encode(), headers)
    for attempts_left in reversed(range(5)):
        try:
            with urllib.request.urlopen(request) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 503 or not attempts_left:
                raise
            time.sleep(1)
    return None


def get(api_url: str, path: str) -> Any:
    """Return what the API has at a path, or None (404)."""
    try:
        with urllib.request.urlopen(f"{api_url}/{path}") as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def wait_for(what: str, condition: Callable[[], Value | None], timeout_s: float = 90) -> Value:
    """Call `condition` until it returns something true, and return that."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"no {what} after {timeout_s} s"
        time.sleep(0.5)
    return value


def ended(api_url: str, run_id: str) -> Any:
    """Return a flow run that has ended, or None if it hasn't."""
    run = get(api_url, f"flow_runs/{run_id}")
    return run if run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None


def logs(api_url: str, run_id: str) -> list[dict[str, Any]]:
    """Return the log lines of a flow run by fluke's own loggers, oldest first."""
    body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "limit": 200, "sort": "TIMESTAMP_ASC"}
    return [line for line in post(api_url, "logs/filter", body) if line["name"].startswith("fluke.")]
