"""Deployments: what is served, and which parameters it has."""

import inspect
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from configs.load import load
from configs.schema import STAGE_NAMES, Config

ROOT = Path(__file__).parents[3]


def test_prefect_yaml_and_serve_offer_the_same_deployments() -> None:
    from flows.ablate.flow import served_ablation
    from flows.predict.flow import predict_folder
    from flows.serve.deployments import ONE_AT_A_TIME, build
    from flows.serve.form import served_pipeline

    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    served = build("x", Config(), cron="0 2 * * *", timezone="UTC")
    assert [f"x-{deployment['name']}" for deployment in deployments] == [deployment.name for deployment in served]
    flows = {flow.fn.__name__: flow for flow in (served_pipeline, served_ablation, predict_folder)}
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


def test_parameters_are_checked_before_a_run_is_made() -> None:
    from prefect.exceptions import ParameterTypeError

    from flows.run import pipeline

    with pytest.raises(ParameterTypeError, match="epoch"):
        pipeline.validate_parameters({"config": {"train": {"epoch": 3}}})
    assert pipeline.validate_parameters({"config": load("default").model_dump(mode="json")})["config"] == load(
        "default"
    )
