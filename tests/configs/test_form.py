"""The form of a run: what a preset changes are fields, all else is YAML, and together they are its config."""

import pytest

from configs import form, presets
from configs.errors import ConfigError
from configs.load import load
from configs.schema import Config


@pytest.mark.parametrize("preset", presets.names())
def test_fields_and_yaml_of_a_preset_give_its_config(preset: str) -> None:
    config = load(preset, ["crawl.path=/010", "notify=[json://host]"])
    fields, text = form.fields(config), form.rest(config)
    assert form.read(fields, text).model_dump() == load(preset, ["crawl.path=/010", "notify=[json://***]"]).model_dump()
    assert "json" not in str(fields)
    assert len(text.splitlines()) < 40


def test_a_field_has_type_limits_description_and_the_value_of_the_preset() -> None:
    config = load("default", ["train.epochs=7", "train.metric=accuracy", "filter.faces=[1, 1]", "crawl.path=photos"])
    properties = form.schema(form.fields(config))["properties"]
    assert list(properties) == ["crawl.path", "train.metric", "train.epochs"]
    epochs = properties["train.epochs"]
    assert (epochs["type"], epochs["minimum"], epochs["default"]) == ("integer", 1, 7)
    assert epochs["description"] == Config.model_fields["train"].annotation.model_fields["epochs"].description  # type: ignore[union-attr]
    assert "balanced_accuracy" in properties["train.metric"]["enum"]
    assert properties["crawl.path"]["type"] == "string"


def test_what_is_null_or_a_mapping_is_yaml() -> None:
    config = load("demo")
    assert not {"crawl.keywords", "filter.min_sharpness"} & form.fields(config).keys()
    assert "min_sharpness: null" in form.rest(config)
    assert form.fields(Config()) == {}
    assert form.rest(Config()) == ""


def test_yaml_adds_to_the_fields_and_replaces_one_of_the_same_name() -> None:
    config = form.read(
        {"train.epochs": 7, "crawl.path": "photos"}, "train:\n  seed: 3\n  epochs: 9\ncrawl:\n  path: null"
    )
    assert (config.train.epochs, config.train.seed, config.crawl.path) == (9, 3, None)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "train: {epoch: 3}"),
        ({}, "train: ["),
        ({}, "x"),
        ({}, "train: {epochs: many}"),
        ({"train.epochs": "many"}, ""),
        ({"train.epoch": 3}, ""),
    ],
)
def test_a_mistake_is_one_line_that_names_it(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=r"train|settings") as raised:
        form.read(fields, text)
    assert len(str(raised.value).splitlines()) == 1
