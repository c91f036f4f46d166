"""The end of a run when the server is away: bounded in time, and not a failure."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Completed

from flows import server
from flows.dashboard import engine
from tests.helpers.prefect_api import ended, logs, post, wait_for
from tests.helpers.servers import answering, silent


def client(url: str, patience_s: float) -> SyncPrefectClient:
    """A client like that of Prefect's engine, bounded."""
    found = SyncPrefectClient(url)
    found._client.send = engine.bounded(found._client.send, patience_s)  # type: ignore[method-assign]
    return found


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_SHORTEST_TIMEOUT_S", 0.2)
    monkeypatch.setattr(engine, "_PAUSE_S", 0.1)


@pytest.mark.slow
def test_without_an_answer_a_final_state_counts_as_set(caplog: pytest.LogCaptureFixture) -> None:
    with silent() as address, client(address, 0.5) as asks:
        start = time.monotonic()
        for _ in range(3):
            assert asks.set_flow_run_state(uuid4(), Completed()).status.value == "ACCEPT"
        assert time.monotonic() - start < 8  # the patience is for all requests together
    assert "its record does" in caplog.text


def test_a_run_that_was_deleted_from_the_dashboard_ends_well() -> None:
    with answering() as stand_in, client(stand_in.url, 20) as asks:
        stand_in.code = 404
        start = time.monotonic()
        assert asks.set_flow_run_state(uuid4(), Completed()).status.value == "ACCEPT"
        assert time.monotonic() - start < 10


def answers(*results: httpx.Response | Exception) -> engine.Send:
    """A function that sends requests, with these results one after the other."""
    left = iter(results)

    def send(request: httpx.Request, **_: Any) -> httpx.Response:
        result = next(left)
        if isinstance(result, Exception):
            raise result
        return result

    return send


def request(path: str, state: str = "COMPLETED") -> httpx.Request:
    return httpx.Request("POST", f"http://x/api/{path}", json={"state": {"type": state}})


AWAY = httpx.ConnectError("away")
GONE = httpx.HTTPStatusError("gone", request=request("x"), response=httpx.Response(410))


def test_a_server_that_comes_back_in_time_gets_the_state() -> None:
    answer = httpx.Response(201)
    assert engine.bounded(answers(AWAY, AWAY, answer), 20)(request("flow_runs/1/set_state")) is answer


def test_a_run_that_lost_its_slot_goes_on() -> None:
    """Prefect stops a run that can't renew the slot of its deployment."""
    for error in (AWAY, GONE):
        assert engine.bounded(answers(error), 0)(request("leases/1/renew")).status_code == 200


@pytest.mark.parametrize(("path", "state"), [("flow_runs/1/set_state", "RUNNING"), ("flow_runs/filter", "")])
def test_what_a_run_cannot_do_without_still_fails(path: str, state: str) -> None:
    with pytest.raises(httpx.ConnectError):
        engine.bounded(answers(AWAY), 0)(request(path, state))


def test_a_run_that_the_server_cannot_note_runs_without_it() -> None:
    begun = []

    @flow(persist_result=False)
    def night(number: int) -> int:
        with engine.attached():
            begun.append(number)
        return number + 1

    with (
        answering() as stand_in,
        temporary_settings({PREFECT_API_URL: stand_in.url, PREFECT_CLIENT_MAX_RETRIES: 0}),
    ):
        stand_in.code = 500
        assert engine.call(night, 1) == 2
    assert begun == [1]


NIGHT = """
import logging, os, signal, sys, time
from pathlib import Path
from prefect import flow, task
from flows import server
from flows.server import watch
from flows.dashboard import artifacts, engine, sender

root, address, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

@task
def work():
    artifacts.page("page", "text")
    logging.getLogger("fluke.run").info("worked")
    if number == signal.SIGKILL:
        while server.url(root) is None:
            time.sleep(0.2)

@flow(persist_result=False)
def night():
    with engine.attached():
        os.kill(server.process_id(root), number)
        work()

with watch.kept_running(root, address):
    engine.call(night)
sender.flush()
print("done", flush=True)
"""


@pytest.mark.slow
def test_a_run_whose_server_hangs_or_is_killed_ends_as_usual(tmp_path: Path, start_server: Callable[..., str]) -> None:
    root = tmp_path / "data"
    address = start_server(root, server.free_port(), with_key=False)
    try:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            process = subprocess.Popen(
                [sys.executable, "-c", NIGHT, str(root), address, str(int(number))],
                env=os.environ | {"PREFECT_API_URL": address},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stdout
            assert process.stdout.readline() == "done\n", process.communicate()
            start = time.monotonic()
            out, error = process.communicate(timeout=120)
            if number == signal.SIGSTOP:
                assert time.monotonic() - start < 40, "the process waits for the server"
                pid = server.process_id(root)
                assert pid
                os.kill(pid, signal.SIGCONT)
            assert process.returncode == 0, out + error
        runs = post(address, "flow_runs/filter", {"sort": "START_TIME_DESC"})
        assert wait_for("end", lambda: ended(address, runs[0]["id"]))["state"]["name"] == "Completed"
        killed = {"artifacts": {"flow_run_id": {"any_": [runs[0]["id"]]}}}
        assert [each["key"] for each in post(address, "artifacts/filter", killed)] == ["fluke-page"]
        assert any(line["message"] == "worked" for line in logs(address, runs[0]["id"]))
    finally:
        server.down(root)
