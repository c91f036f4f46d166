"""Deployments: typed parameters, a schedule that creates runs, a stage that runs."""

import inspect
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from configs.load import load
from configs.schema import STAGE_NAMES, Config
from tests.helpers.pipeline import TINY, Fluke
from tests.helpers.prefect_api import ended, get, logs, post, wait_for

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


def test_prefect_yaml_and_serve_offer_the_same_deployments() -> None:
    from flows.ablate.flow import ablate
    from flows.predict.flow import predict_folder
    from flows.run import pipeline
    from flows.serve.deployments import ONE_AT_A_TIME, build

    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    served = build("x", Config(), cron="0 2 * * *", timezone="UTC")
    assert [f"x-{deployment['name']}" for deployment in deployments] == [deployment.name for deployment in served]
    flows = {flow.fn.__name__: flow for flow in (pipeline, ablate, predict_folder)}
    for deployment in deployments:
        path, _, name = deployment["entrypoint"].partition(":")
        assert (ROOT / path).exists()
        assert flows[name].fn.__module__ == path.removesuffix(".py").replace("/", ".")
        parameters = inspect.signature(flows[name].fn).parameters
        for parameter, value in deployment["parameters"].items():
            TypeAdapter(parameters[parameter].annotation).validate_python(value)
    assert deployments[0]["concurrency_limit"]["collision_strategy"] == ONE_AT_A_TIME.collision_strategy
    assert [deployment["parameters"]["until"] for deployment in deployments[1:-2]] == list(STAGE_NAMES)


def test_runs_of_a_served_preset_and_of_the_command_line_name_its_file_in_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.cli.arguments import preset_file
    from flows.serve.deployments import build

    monkeypatch.chdir(tmp_path)
    file = preset_file("my/animals.yaml")
    assert file == str(tmp_path / "my" / "animals.yaml")
    assert preset_file("animals") == ""
    served = build("animals", Config(), cron="0 2 * * *", timezone="UTC", preset_file=file)
    assert [each.parameters.get("preset_file") for each in served[:-2]] == [file] * (len(STAGE_NAMES) + 1)


def test_predictions_of_a_served_preset_are_of_the_model_that_is_used_under_its_name() -> None:
    from flows.serve.deployments import build

    served = build("default", Config(name="glass"), cron="0 2 * * *", timezone="UTC")
    assert served[-1].parameters == {"model": "glass"}


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
        finished_run = wait_for("end of the run", lambda: ended(api, run["id"]))
        assert finished_run["state"]["type"] == "COMPLETED", finished_run["state"]
        tasks = post(api, "task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
        assert {task["name"]: task["state"]["name"] for task in tasks} == {"crawl": "Cached", "filter": "Cached"}
        assert wait_for(
            "log line", lambda: [line for line in logs(api, run["id"]) if line["message"].startswith("filter cached")]
        )
        shown = {
            artifact["key"]
            for artifact in post(api, "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
        }
        assert shown == {"fluke-default-crawl", "fluke-default-filter", "fluke-default-filter-report"}
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


def test_parameters_are_checked_before_a_run_is_made(finished: Fluke) -> None:
    from prefect.exceptions import ParameterTypeError

    from flows.run import pipeline

    with pytest.raises(ParameterTypeError, match="epoch"):
        pipeline.validate_parameters({"config": {"train": {"epoch": 3}}})
    assert pipeline.validate_parameters({"config": load("default").model_dump(mode="json")})["config"] == load(
        "default"
    )
