"""The short form of deployments: a field for each changed setting, one line for a mistake, and runs that are late."""

import inspect
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema

from configs import form as fields_and_yaml
from configs.load import load, with_memory
from configs.schema import Config
from flows.run import pipeline
from flows.serve import form
from flows.serve.deployments import build
from tasks.store.errors import UserError

RUN = form.served_pipeline.fn


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configs of the runs that would have been started."""
    started: list[Config] = []

    def run(config: Config, *_: object, **__: object) -> None:
        started.append(config)
        if config.crawl.path:
            raise UserError(f"{config.crawl.path}: no such folder; set crawl.path")

    monkeypatch.setattr(form, "pipeline", SimpleNamespace(fn=run))
    return started


@pytest.mark.parametrize(
    ("fields", "settings", "says"),
    [
        ({"crawl.path": "/no/such"}, "", "/no/such: no such folder"),
        ({}, "crawl: {pth: x}", "crawl.pth"),
        ({"train.epochs": "many"}, "filter: {faces: x}", "; train.epochs: "),
    ],
)
def test_a_mistake_ends_a_run_with_one_line_and_without_a_traceback(
    runs: list[Config], fields: dict[str, Any], settings: str, says: str
) -> None:
    state = RUN(preset_settings=fields, settings=settings)
    assert state.is_failed()
    assert says in state.message
    assert len(state.message.splitlines()) == 1


def test_another_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(form, "pipeline", SimpleNamespace(fn=fail))
    with pytest.raises(ZeroDivisionError):
        RUN()


def test_the_form_is_short_and_every_field_has_a_description() -> None:
    schema = parameter_schema(RUN).model_dump()
    fields = sorted(schema["properties"], key=lambda name: schema["properties"][name]["position"])
    assert fields[:5] == ["until", "fresh", "verify", "preset_settings", "settings"]
    assert len(fields) == 9
    assert not schema["definitions"]
    assert all(field["description"] for field in schema["properties"].values())


def test_what_is_served_fits_the_form_and_the_flow() -> None:
    config = load("animals", ["train.epochs=7"])
    for deployment in build("animals", config, cron="0 2 * * *", timezone="UTC")[:-1]:
        assert set(deployment.parameters) <= set(inspect.signature(RUN).parameters)
        given = deployment.parameters["preset_settings"]
        assert with_memory(fields_and_yaml.read(given, deployment.parameters["settings"]), "animals") == config
        shown = deployment._parameter_openapi_schema.properties["preset_settings"]
        assert {name: field["default"] for name, field in shown["properties"].items()} == given
        assert shown["properties"]["train.epochs"]["default"] == 7
        assert deployment.parameters["settings"] == ""
    callers = inspect.signature(pipeline.fn).parameters
    assert list(callers)[:5] == ["config", "preset", "until", "fresh", "verify"]


@pytest.mark.parametrize(
    ("late_min", "by_schedule", "skip"), [(420, True, True), (10, True, True), (420, False, True), (420, True, False)]
)
def test_a_night_in_which_the_machine_slept_is_skipped_if_set(
    late_min: int, by_schedule: bool, skip: bool, runs: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    due = datetime.now(UTC) - timedelta(minutes=late_min)
    flow_run = SimpleNamespace(auto_scheduled=by_schedule, expected_start_time=due)
    monkeypatch.setattr(form, "FlowRunContext", SimpleNamespace(get=lambda: SimpleNamespace(flow_run=flow_run)))
    state = RUN(skip_if_late=skip)
    is_skipped = (late_min, by_schedule, skip) == (420, True, True)
    assert len(runs) == (not is_skipped)
    if is_skipped:
        assert state.is_cancelled()
        assert "skipped: it was due at" in state.message
        assert "7:00 h ago" in state.message


def test_a_deployment_skips_late_runs_only_if_asked() -> None:
    for skip in (True, False):
        nightly, *others = build("x", Config(), cron="0 2 * * *", timezone="UTC", skip_if_late=skip)
        assert nightly.parameters["skip_if_late"] is skip
        assert not any("skip_if_late" in each.parameters for each in others)
