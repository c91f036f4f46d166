"""The short form of deployments: settings as YAML, and one line for a mistake."""

import inspect
from types import SimpleNamespace

import pytest
from prefect.utilities.callables import parameter_schema

from configs.load import ConfigError, changed_text, from_text, load, presets
from configs.schema import Config
from flows.run import pipeline
from flows.serve import form
from flows.serve.deployments import build
from tasks.store.errors import UserError


@pytest.mark.parametrize("preset", presets())
def test_the_yaml_of_a_preset_gives_its_config_and_is_short(preset: str) -> None:
    config = load(preset)
    text = changed_text(config)
    assert from_text(text) == config
    assert len(text.splitlines()) < 60


def test_a_setting_that_is_null_or_a_text_like_a_number_survives() -> None:
    config = load("default", ["crawl.path=/010", "workers.threads=3", "train.epochs=7"])
    assert from_text(changed_text(config)) == config
    assert changed_text(Config()) == ""
    assert from_text("") == Config()


@pytest.mark.parametrize("text", ["train: {epoch: 3}", "train: [", "x", "train: {epochs: many}"])
def test_a_mistake_in_the_settings_is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        from_text(text)
    assert len(str(raised.value).splitlines()) == 1


def test_a_mistake_ends_a_served_run_with_its_message_and_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(config: Config, *_: object, **__: object) -> None:
        raise UserError(f"{config.crawl.path}: no such folder; set crawl.path")

    monkeypatch.setattr(form, "pipeline", SimpleNamespace(fn=fail))
    for settings, says in (("crawl: {path: /no/such}", "/no/such: no such folder"), ("crawl: {pth: x}", "crawl.pth")):
        state = form.served_pipeline.fn(settings=settings)
        assert state.is_failed()
        assert says in state.message


def test_the_form_is_short_and_every_field_has_a_description() -> None:
    schema = parameter_schema(form.served_pipeline.fn).model_dump()
    fields = sorted(schema["properties"], key=lambda name: schema["properties"][name]["position"])
    assert fields[:4] == ["until", "fresh", "verify", "settings"]
    assert len(fields) == 7
    assert not schema["definitions"]
    assert all(field["description"] for field in schema["properties"].values())


def test_what_is_served_fits_the_form_and_the_flow() -> None:
    config = load("default", ["train.epochs=7"])
    for deployment in build("x", config, cron="0 2 * * *", timezone="UTC")[:-1]:
        assert set(deployment.parameters) <= set(inspect.signature(form.served_pipeline.fn).parameters)
        assert from_text(deployment.parameters["settings"]) == config
    callers = inspect.signature(pipeline.fn).parameters
    assert list(callers)[:5] == ["config", "preset", "until", "fresh", "verify"]
