"""The seven Prefect tasks: options, retries, time limits, and logs in the dashboard."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed

from configs.schema import STAGE_NAMES, CrawlConfig, WorkersConfig
from flows import stage_tasks
from tasks.store.errors import UserError
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
        assert stage_tasks.of_stage(name, 1).tags == task.tags


def test_only_trainings_use_the_gpu_and_only_the_crawl_is_retried() -> None:
    tasks = [getattr(stage_tasks, name) for name in STAGE_NAMES]
    assert [task.name for task in tasks if "gpu" in task.tags] == ["pretrain", "train"]
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
@pytest.mark.parametrize("error", [UserError("crawl.path is not set"), TimeoutError("8 h"), PermissionError(13, "no")])
def test_a_permanent_error_is_not_retried(error: Exception) -> None:
    state, calls = attempts(error, failures=1)
    assert (state.type.value, calls) == ("FAILED", 1)


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
    return line["name"] == "fluke.run" and line["message"].startswith("crawl ")


@pytest.mark.slow
def test_logs_of_a_run_on_the_command_line_reach_the_dashboard(finished: Fluke) -> None:
    runs = post(finished.api_url, "flow_runs/filter", {"flow_runs": {"name": {"any_": ["default: evaluate"]}}})
    lines = logs(finished.api_url, runs[0]["id"])
    assert any(map(crawl_line, lines))
    assert len({line["message"] for line in lines}) == len(lines)  # each line once


@pytest.mark.slow
def test_logs_of_a_worker_reach_the_dashboard(finished: Fluke, tmp_path: Path) -> None:
    api = finished.api_url
    process = worker(finished, tmp_path)
    try:
        deployment = wait_for("deployment", lambda: get(api, "deployments/name/pipeline/crawl"))
        config = {"crawl": {"sources": ["folder"], "path": str(finished.photos)}}
        body = {"state": {"type": "SCHEDULED"}, "parameters": {"config": config, "until": "crawl"}}
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
