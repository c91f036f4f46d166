"""`fluke serve` with a real server: schedules create runs, a stage runs, a mistake is one line, a person is asked."""

import signal
import threading
import urllib.error
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL, temporary_settings

from configs.schema import PromoteConfig
from flows.models import ask
from flows.models.registry import Registry
from flows.run_records import read_records
from tests.helpers.decisions import Undecided
from tests.helpers.pipeline import TINY, Fluke
from tests.helpers.prefect_api import ended, get, logs, post, wait_for

pytestmark = pytest.mark.slow


def test_a_schedule_creates_runs_and_a_served_stage_runs(finished: Fluke) -> None:
    settings = [f"crawl.path={finished.photos}", *TINY]
    process = finished.start("serve", "default", *settings, "--cron", "30 3 * * *", "--timezone", "Asia/Seoul")
    try:
        api = finished.api_url

        def nightly_runs() -> Any:
            scheduled = post(api, "flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}})
            at_night = "T18:30:00"  # 3:30 in Seoul, in UTC
            return [run for run in scheduled if run["auto_scheduled"] and at_night in run["expected_start_time"]]

        scheduled = wait_for("scheduled run", nightly_runs)[0]
        assert scheduled["parameters"]["fresh"] == ["crawl"]
        assert scheduled["parameters"]["scheduled"] is True

        deployment = wait_for("deployment", lambda: get(api, "deployments/name/pipeline/default-filter"))
        run = post(api, f"deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
        crawl = wait_for("deployment", lambda: get(api, "deployments/name/pipeline/default-crawl"))
        path = f"deployments/{crawl['id']}/create_flow_run"
        mistyped = {"state": {"type": "SCHEDULED"}, "parameters": {"preset_settings": {"crawl.path": "/no/such"}}}
        failing = post(api, path, mistyped)["id"]
        with pytest.raises(urllib.error.HTTPError, match="4") as refused:  # the form says so before there is a run
            post(api, path, {"parameters": {"preset_settings": {"train.epochs": "many"}}})
        assert "'many' is not of type 'integer'" in refused.value.read().decode()
        finished_run = wait_for("end of the run", lambda: ended(api, run["id"]))
        assert finished_run["state"]["type"] == "COMPLETED", finished_run["state"]
        assert "default-filter" in [record.deployment for record in read_records(finished.data)]

        def both_stages() -> Any:  # the server learns of the stages through events, which it reads after the run's end
            tasks = post(api, "task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
            return {task["name"]: task["state"]["name"] for task in tasks} == {"crawl": "Cached", "filter": "Cached"}

        assert wait_for("both stages, cached", both_stages)
        assert wait_for(
            "log line", lambda: [line for line in logs(api, run["id"]) if line["message"].startswith("filter cached")]
        )
        shown = {
            artifact["key"]
            for artifact in post(api, "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
        }
        assert shown == {"fluke-default-crawl", "fluke-default-filter", "fluke-default-filter-report"}
        state = wait_for("failure", lambda: ended(api, failing))["state"]
        assert (state["type"], len(state["message"].splitlines())) == ("FAILED", 1)
        assert state["message"].startswith("crawl.path: /no/such: no such file or folder")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_a_second_serve_is_refused_and_leaves_the_schedule_of_the_first(finished: Fluke) -> None:
    settings = [f"crawl.path={finished.photos}", *TINY]

    def is_active() -> bool:
        deployment = get(finished.api_url, "deployments/name/pipeline/default-nightly")
        return not deployment["paused"] and all(schedule["active"] for schedule in deployment["schedules"])

    first = finished.start("serve", "default", *settings)
    try:
        assert first.stdout.readline().startswith("serving default")  # type: ignore[union-attr]
        wait_for("deployment", lambda: get(finished.api_url, "deployments/name/pipeline/default-nightly"))
        printed = finished("serve", "default", *settings, code=2)
        assert f"default is served already, by process {first.pid} since" in printed
        assert is_active()
    finally:
        first.kill()  # leaves the schedule, and the kernel releases the lock
        first.communicate(timeout=60)
    again = finished.start("serve", "default", *settings)
    try:
        assert again.stdout.readline().startswith("serving default")  # type: ignore[union-attr]
    finally:
        again.terminate()
        _, complaints = again.communicate(timeout=60)
    assert (again.returncode, "Traceback" in complaints) == (0, False)
    assert is_active()  # the server isn't this data folder's own: another fluke may serve the same preset


@pytest.mark.parametrize(("answer", "outcome"), [("promote", "promoted"), ("", "undecided")])
def test_a_person_is_asked_in_the_dashboard_until_the_deadline(
    answer: str, outcome: str, api_url: str, tmp_path: Path
) -> None:
    case = Undecided(tmp_path)
    refused: list[int] = []

    def respond(run: str) -> None:
        wait_for("pause", lambda: get(api_url, f"flow_runs/{run}")["state"]["type"] == "PAUSED")
        for given in ("perhaps", answer):
            try:
                post(api_url, f"flow_runs/{run}/resume", {"run_input": {"decision": given}})
            except urllib.error.HTTPError as error:
                refused.append(error.code)

    @flow
    def night() -> None:
        context = FlowRunContext.get()
        assert context
        assert context.flow_run
        if answer:
            threading.Thread(target=respond, args=(str(context.flow_run.id),)).start()
        settings = PromoteConfig(undecided="ask", wait_h=0.5 if answer else 0.0005)
        ask.ask(case.nights.store, case.record, case.decision, settings, poll_s=1)

    with temporary_settings({PREFECT_API_URL: api_url}):
        state = night(return_state=True)
    assert state.is_completed()
    assert case.record.decision == outcome
    used = case.record if answer else case.champion
    assert Registry(case.nights.store.root, "demo").champion() == used.id
