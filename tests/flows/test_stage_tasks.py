"""The seven Prefect tasks: options, retries, time limits, and logs in the dashboard."""

import errno
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas.objects import State, TaskRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed
from prefect.task_engine import TaskRunTimeoutError

from configs.schema import STAGE_NAMES, CrawlConfig, WorkersConfig
from flows import stage_tasks
from tasks.store.errors import TransientError, UserError
from tests.helpers.pipeline import TINY, Fluke
from tests.helpers.prefect_api import ended, get, logs, post, wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def connected(api_url: str) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: api_url}):
        yield


def attempts(error: Exception, failures: int) -> tuple[State[Any], int]:
    """Run the crawl's task without retry delays; it raises `error` so many times, and then succeeds."""
    calls = 0

    def build(section: CrawlConfig) -> State[Any]:
        nonlocal calls
        calls += 1
        if calls <= failures:
            raise error
        return Completed(data="photos")

    @flow(persist_result=False)
    def run() -> State[Any]:
        task = stage_tasks.crawl.with_options(retry_delay_seconds=0)
        state: State[Any] = task(build, CrawlConfig(), return_state=True)
        return state

    return run(return_state=True), calls


def test_every_stage_has_a_task_of_its_name_with_a_time_limit() -> None:
    for name in STAGE_NAMES:
        task = getattr(stage_tasks, name)
        assert (task.name, task.task_run_name, task.persist_result) == (name, name, False)
        assert task.timeout_seconds == getattr(WorkersConfig().timeout_h, name) * 3600 > 0
        assert stage_tasks.of_stage(name, 0.5).timeout_seconds == 1800
        assert stage_tasks.of_stage(name, 0).timeout_seconds is None


def test_no_stage_asks_the_server_for_a_slot_and_only_the_crawl_is_retried() -> None:
    tasks = [getattr(stage_tasks, name) for name in STAGE_NAMES]
    assert not any(task.tags for task in tasks)  # Prefect asks for each tag, and fails without an answer
    assert [task.name for task in tasks if task.retries] == ["crawl"]
    assert stage_tasks.crawl.retries == 2
    assert stage_tasks.crawl.retry_delay_seconds == [30, 120]


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_a_crawl_that_fails_twice_with_a_transient_error_is_retried() -> None:
    state, calls = attempts(ConnectionError("the network is down"), failures=2)
    assert (state.type.value, calls) == ("COMPLETED", 3)


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_an_error_that_will_not_pass_is_not_retried() -> None:
    state, calls = attempts(UserError("crawl.path is not set"), failures=1)
    assert (state.type.value, calls) == ("FAILED", 1)


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (TransientError("no photos found: no connection"), True),
        (TimeoutError("timed out"), True),
        (ConnectionResetError(errno.ECONNRESET, "reset"), True),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
        (TaskRunTimeoutError("Scope timed out after 8 second(s)."), False),
        (UserError("crawl.path is not set"), False),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (FileNotFoundError(errno.ENOENT, "No such file"), False),
        (sqlite3.OperationalError("database is locked"), False),  # of the ledger it is a TransientError
        (KeyError("label"), False),
    ],
)
def test_only_errors_that_may_pass_are_retried(
    error: Exception, retried: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    task_run = TaskRun(task_key="crawl", dynamic_key="0")
    assert stage_tasks.is_transient(stage_tasks.crawl, task_run, Failed(data=error)) == retried
    assert ("crawl failed and will be tried again: " in caplog.text) == retried


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_only_prefects_own_timeout_counts_as_the_time_limit() -> None:
    def build(section: Any, *, seconds: float) -> State[Any]:
        time.sleep(seconds)
        raise TimeoutError("the server's lock was not released")

    states = []

    @flow(persist_result=False)
    def run() -> None:
        task = stage_tasks.of_stage("filter", 0.5 / 3600)
        states.extend(task(partial(build, seconds=seconds), None, return_state=True) for seconds in (0, 5))

    run()
    own, limit = states
    assert (own.name, stage_tasks.exceeded_time_limit(own)) == ("TimedOut", False)
    assert (limit.name, stage_tasks.exceeded_time_limit(limit)) == ("TimedOut", True)


BLOCKED = """
import threading
from prefect import flow
from flows import stage_tasks

@flow
def run():
    blocked = threading.Event()
    def build(section):
        blocked.wait({wait_s})
    task = stage_tasks.of_stage("filter", 0.3 / 3600)
    print("state:", task(build, None, return_state=True).name)

{start}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "wait_s"),
    [
        ("run()", 600),  # in the main thread, a signal interrupts the wait
        ("thread = threading.Thread(target=run); thread.start(); thread.join()", 1),  # here only its end does
    ],
)
def test_a_task_that_exceeds_its_time_limit_is_stopped(api_url: str, start: str, wait_s: int) -> None:
    script = BLOCKED.format(start=start, wait_s=wait_s)
    environment = os.environ | {"PREFECT_API_URL": api_url}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "state: TimedOut" in done.stdout


@pytest.mark.slow
def test_the_time_limit_is_a_setting(finished: Fluke) -> None:
    printed = finished(
        "run", "default", f"crawl.path={finished.photos}", *TINY, "workers.timeout_h.filter=1e-7", code=2
    )
    assert "filter exceeded its time limit of 1e-07 h" in printed
    assert "workers.timeout_h.filter" in printed


def crawl_line(line: dict[str, Any]) -> bool:
    return line["name"] == "fluke.stages" and line["message"].startswith("crawl ")


@pytest.mark.slow
def test_logs_of_a_run_on_the_command_line_reach_the_dashboard(copy: Fluke) -> None:
    copy.run("name=logged")
    [run] = post(copy.api_url, "flow_runs/filter", {"flow_runs": {"name": {"like_": "logged "}}})
    lines = logs(copy.api_url, run["id"])
    assert any(map(crawl_line, lines))
    assert len({line["message"] for line in lines}) == len(lines)  # each line once


@pytest.mark.slow
def test_logs_of_a_worker_reach_the_dashboard(finished: Fluke, tmp_path: Path) -> None:
    api = finished.api_url
    process = worker(finished, tmp_path)
    try:
        deployment = wait_for("deployment", lambda: get(api, "deployments/name/pipeline/crawl"))
        parameters = {"preset_settings": {"crawl.path": str(finished.photos)}, "until": "crawl"}
        body = {"state": {"type": "SCHEDULED"}, "parameters": parameters}
        run = post(api, f"deployments/{deployment['id']}/create_flow_run", body)
        state = wait_for("end of the run", lambda: ended(api, run["id"]))["state"]
        assert state["type"] == "COMPLETED", state
        lines = wait_for("log line", lambda: [line for line in logs(api, run["id"]) if crawl_line(line)])
        assert len(lines) == 1
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def worker(fluke: Fluke, home: Path) -> "subprocess.Popen[bytes]":
    """Deploy prefect.yaml, as its comment says, and start a worker without fluke's command line."""
    environment = os.environ | {
        "PREFECT_API_URL": fluke.api_url,
        "FLUKE_DATA": str(fluke.data),
        "PREFECT_HOME": str(home),
        "PYTHONPATH": "",
    }
    prefect = [sys.executable, "-m", "prefect"]
    for command in (["work-pool", "create", "fluke", "--type", "process"], ["--no-prompt", "deploy", "--all"]):
        subprocess.run([*prefect, *command], env=environment, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return subprocess.Popen([*prefect, "worker", "start", "--pool", "fluke"], env=environment, cwd=ROOT)
