"""Configs: presets and overrides are applied; unknown and invalid settings are refused with a helpful message."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs import presets
from configs.as_yaml import to_yaml
from configs.errors import ConfigError
from configs.given import given_settings
from configs.load import as_given, load, model_name, with_memory
from configs.old_names import GONE, RENAMED, REPLACED
from configs.schema import STAGE_NAMES, Config, CrawlConfig, FilterConfig
from configs.settings import descriptions


def test_an_override_changes_one_setting() -> None:
    config = load(
        "default", ["train.epochs=5", "crawl.path=/photos", "crawl.sources=bing", "crawl.keywords.cat=[a cat, kitten]"]
    )
    assert config.train.epochs == 5
    assert config.crawl.path == Path("/photos")
    assert config.crawl.keywords == {"cat": ("a cat", "kitten")}
    assert config.train.patience == load("default").train.patience


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("train.epoch=5", "train.epoch: unknown setting (did you mean train.epochs?)"),
        ("train.imbalnce=none", "train.imbalnce: unknown setting (did you mean train.imbalance?)"),
        ("trian.epochs=5", "trian: unknown setting (did you mean train?)"),
        ("train.epochs=0", "train.epochs: input should be greater than or equal to 1 (got 0)"),
        ("train.epochs=many", "train.epochs: input should be a valid integer"),
        ("train.recipe=pixels", "train.recipe: input should be 'auto', 'logistic', 'head' or 'network' (got 'pixels')"),
        ("filter.val_fraction=0.9", "filter: val_fraction + test_fraction must be below 1"),
        ("preprocess.crop=[0.5, 0, 0.5, 1]", "preprocess: crop must be left, top, right, bottom"),
        ("epochs", "'epochs': an override looks like train.epochs=5"),
        ("train.epochs", "'train.epochs': an override looks like train.epochs=5"),
        ("train.epochs.x=1", "train.epochs: input should be a valid integer"),
        ("crawl.sources.x=1", "sources is a setting, not a section"),
        ("train.filters=[1", "the value can't be read"),
        ("crawl.keywords={a: 3.5, b: }", "crawl.keywords: write `b: [query, query]`"),
        ("crawl.keywords={a: [[a]]}", "crawl.keywords: write `a: [query, query]`"),
        ("crawl.keywords=[a: b]", "query, query]`, or give the path of a text file"),
        ("crawl.keywords=null", "crawl.keywords: input is not a valid path (got None)"),
        ("crawl.keywords={a: x, b: y, 'a': z}", "'a' is given twice, in line 1 and in line 1"),
        ("train.epochs=0x1F", "train.epochs: input should be a valid integer"),
        ("train.epochs=0.5", "train.epochs: input should be a valid integer, got a number with a fractional part"),
        ("train.epochs=true", "train.epochs: input should be a valid integer"),
        ("train.epochs=5 # five", "train.epochs: input should be a valid integer"),
        ("crawl.deadline_s=inf", "crawl.deadline_s: must be a finite number"),
        ("filter.embedding_scale=[nan, 1]", "filter.embedding_scale: must be a finite number"),
        ("crawl.deadline_s=nan", "crawl.deadline_s: input should be greater than 0 (got 'nan')"),
        ("filter.mirrored=maybe", "filter.mirrored: input should be a valid boolean"),
        ("filter.unseen_classes=7", "filter.unseen_classes: input should be less than or equal to 1 (got 7)"),
        ("filter.unseen_classes=null", "filter.unseen_classes: input should be a valid number (got None)"),
        (
            "crawl.filters=open",
            "crawl.filters: this is a section; set one of its settings, such as crawl.filters.licence=...",
        ),
        ("pretrain.filters=[0, 8]", "pretrain.filters.0: input should be greater than or equal to 1 (got 0)"),
        ("train.filters=[32, -1]", "train.filters.1: input should be greater than or equal to 1 (got -1)"),
        ("pretrain.filters=8", "pretrain.filters: must be a list in square brackets (got 8)"),
        ("filter.faces=[2, 1]", "filter.faces: must be [least, most] with 0 <= least <= most"),
        ("crawl.sources=[]", "crawl.sources: list should have at least 1 item"),
        ("crawl.sources=[bing, bing]", "crawl.sources: name each source once"),
        ("crawl.contact=me", "crawl.contact: give an e-mail address or a URL"),
        ("crawl.contact=고양이@example.org", "crawl.contact: must be printable ASCII"),
        ("crawl.keywords=keywords.txt", "keywords are given, but sources is folder, which doesn't search"),
        ("crawl.top_up=photo", "crawl.top_up: each pattern must say where the query goes"),
    ],
)
def test_invalid_overrides_are_refused(override: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        load("default", [override])
    assert says in str(error.value)


def test_a_method_against_imbalance_has_a_short_form() -> None:
    assert load("default", ["train.imbalance=focal"]).train.imbalance.method == "focal"
    imbalance = load("default", ["train.imbalance.method=effective", "train.imbalance.beta=0.9"]).train.imbalance
    assert (imbalance.method, imbalance.beta) == ("effective", 0.9)
    with pytest.raises(ConfigError, match=r"train\.imbalance\.method: input should be 'auto', 'none', 'weights'"):
        load("default", ["train.imbalance=balanced"])


def test_a_parameter_can_be_added_to_the_short_form_of_a_method(tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("train:\n  imbalance: focal\n", encoding="utf-8")
    imbalance = load(str(preset), ["train.imbalance.gamma=3"]).train.imbalance
    assert (imbalance.method, imbalance.gamma) == ("focal", 3)
    imbalance = load("default", ["train.imbalance=focal", "train.imbalance.gamma=3"]).train.imbalance
    assert (imbalance.method, imbalance.gamma) == ("focal", 3)
    assert load(str(preset), ["train.imbalance.method=effective"]).train.imbalance.method == "effective"
    with pytest.raises(ConfigError, match=r"train\.imbalance\.method: input should be 'auto', 'none', 'weights'"):
        load("default", ["train.imbalance=balanced", "train.imbalance.gamma=3"])


def test_a_single_step_of_unfreeze_needs_no_brackets() -> None:
    assert load("default", ["train.unfreeze=block5"]).train.unfreeze == ("block5",)
    assert load("default", ["train.unfreeze=2"]).train.unfreeze == (2,)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_refused_with_the_new_one(old: str, new: str) -> None:
    with pytest.raises(ConfigError, match=f"{old}: .*{new}"):
        load("default", [f"{old}=1"])
    assert new in dict(descriptions())


@pytest.mark.parametrize(
    ("override", "instead"),
    [
        ("train.class_weight=balanced", ["train.imbalance.method=weights"]),
        ("train.class_weight=sqrt", ["train.imbalance.method=weights", "train.imbalance.power=0.5"]),
        ("train.class_weight=effective", ["train.imbalance.method=effective"]),
        ("train.class_weight=none", ["train.imbalance.method=none"]),
        ("train.class_weight_cap=5", ["train.imbalance.method=weights", "train.imbalance.cap=5"]),
        ("train.effective_beta=0.9", ["train.imbalance.method=effective", "train.imbalance.beta=0.9"]),
        ("train.loss=focal", ["train.imbalance.method=focal"]),
        ("train.loss=balanced_softmax", ["train.imbalance.method=balanced_softmax"]),
        ("train.loss=cross_entropy", []),
        ("train.focal_gamma=3", ["train.imbalance.method=focal", "train.imbalance.gamma=3"]),
        ("train.retrain_head=10", ["train.imbalance.method=retrain_head", "train.imbalance.epochs=10"]),
        ("train.logit_adjustment=1", ["train.imbalance.method=logit_adjustment", "train.imbalance.strength=1"]),
    ],
)
def test_an_old_setting_of_imbalance_is_refused_with_what_to_set(override: str, instead: list[str]) -> None:
    name, _, value = override.partition("=")
    with pytest.raises(ConfigError) as error:
        load("default", [override])
    message = str(error.value)
    assert name in REPLACED
    assert message.startswith(f"{name}: this setting is now train.imbalance; ")
    assert all(setting.replace(f"={value}", "=") in message for setting in instead)
    assert instead or "instead of cross_entropy, nothing needs to be set" in message
    load("default", instead)


@pytest.mark.parametrize(
    ("old", "instead"),
    [
        ("train.input=tiles", ["pretrain.encoder=none"]),
        ("train.input=features", ["pretrain.encoder=autoencoder"]),
        ("train.weights=imagenet", ["pretrain.weights=imagenet"]),
        ("train.weights=mine.keras", ["pretrain.encoder=resnet50", "pretrain.weights=mine.keras"]),
    ],
)
def test_a_setting_that_became_part_of_another_is_refused_with_what_to_set(old: str, instead: list[str]) -> None:
    name, _, _ = old.partition("=")
    with pytest.raises(ConfigError) as error:
        load("default", [old])
    (line,) = str(error.value).splitlines()
    assert name in GONE
    assert line.startswith(f"{name}: this setting is gone; ")
    assert all(setting.partition("=")[0] in line for setting in instead)
    load("default", instead)


def test_each_mistake_is_one_line() -> None:
    with pytest.raises(ConfigError) as error:
        load("default", ["train.epochs=0", "crawl.thread=2"])
    assert len(str(error.value).splitlines()) == 2


def test_a_list_with_an_invalid_item_is_not_also_too_short() -> None:
    with pytest.raises(ConfigError) as error:
        load("default", ["pretrain.filters=[1.5]"])
    assert str(error.value).startswith("pretrain.filters.0: input should be a valid integer")
    assert "\n" not in str(error.value)


def test_an_unknown_preset_suggests_the_closest() -> None:
    with pytest.raises(ConfigError, match="did you mean default"):
        load("defualt")


@pytest.mark.parametrize(
    "text", ["- a list", "text", "crawl: [", "caf\xe9: 1", "crawl: !!python/name:os.system", "---\n---\n"]
)
def test_an_invalid_config_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        load(str(path))
    with pytest.raises(ConfigError, match="no such file"):
        load(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize("preset", presets.names())
def test_a_printed_config_loads_as_the_same_config(preset: str, tmp_path: Path) -> None:
    config = load(preset, ["crawl.sources=bing", "crawl.keywords.고양이=['yes', '1e3', ...]"])
    path = tmp_path / "printed.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert load(str(path)) == config


def test_every_setting_has_a_description_and_every_stage_a_section() -> None:
    assert all(description.endswith(".") for _, description in descriptions())
    assert set(STAGE_NAMES) < set(Config.model_fields)


def test_a_model_is_named_after_its_preset_or_by_the_setting_name(tmp_path: Path) -> None:
    file = tmp_path / "glass.yaml"
    file.write_text("name: Windows\ntrain: {epochs: 5}\n")
    assert model_name(load("demo"), "demo") == "demo"
    assert model_name(load("demo", ["name=glass"]), "demo") == "glass"
    assert model_name(load(str(file)), "glass") == "Windows"
    assert model_name(Config(), "my/birds.v2.yaml") == model_name(Config(), "birds.v2") == "birds.v2"
    assert model_name(load(str(file), ["name=null"]), "glass") == "glass"
    assert load("demo", ["name=007"]).name == "007"
    assert given_settings("demo", ["name=glass"]) == ["name"]


def test_runs_of_one_name_share_the_memory_of_the_split() -> None:
    assert load("default", ["name=glass"]).filter.memory == "glass"
    assert load("default", ["name=glass", "filter.memory=mine"]).filter.memory == "mine"
    assert load("default").filter.memory == "default"


@pytest.mark.parametrize("name", [" glass", "glass\n", "gl\x00ass", "glass.yaml", ""])
def test_a_name_that_nobody_can_type_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^name: "):
        load("default", [f"name={json.dumps(name)}"])


def test_two_ways_to_encode_a_name_are_one_name() -> None:
    assert load("default", ["name=Mu\u0308ll"]).name == load("default", ["name=M\xfcll"]).name


def test_a_printed_config_has_the_name_with_its_description(tmp_path: Path) -> None:
    text = to_yaml(load("default", ["name=glass"]))
    assert text.startswith("# Name of the model: ")
    assert "\nname: glass\n\n# " in text
    (tmp_path / "printed.yaml").write_text(text)
    assert load(str(tmp_path / "printed.yaml")).name == "glass"


def test_sections_are_frozen() -> None:
    with pytest.raises(ValidationError):
        CrawlConfig().sources = ("csv",)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("crawl.filters.size=>=640x480", {"filters": {"size": ">=640x480"}}),
        ("crawl.top_up={} photo", {"top_up": ("{} photo",)}),
        ("crawl.private_hosts=127.0.0.1:8080", {"private_hosts": ("127.0.0.1:8080",)}),
        (
            "crawl.keywords={cat: [cat, kitten], dog: puppy, 7: seven}",
            {"keywords": {"cat": ("cat", "kitten"), "dog": ("puppy",), "7": ("seven",)}},
        ),
        ("crawl.keywords=[cat, dog]", {"keywords": {"cat": ("cat",), "dog": ("dog",)}}),
        ("crawl.keywords=words.txt", {"keywords": Path("words.txt")}),
    ],
)
def test_shorthand_values_are_accepted(override: str, value: dict[str, Any]) -> None:
    crawl = load("default", ["crawl.sources=bing", override]).crawl
    assert crawl == CrawlConfig(**({"sources": "bing"} | value))


def test_a_yaml_file_may_have_its_extension_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "MINE.YML").write_text("train:\n  epochs: 7\n")
    assert load(str(tmp_path / "MINE.YML")).train.epochs == 7


@pytest.mark.parametrize("stem", ["cats", "내 고양이", "my.cats", "a b"])
def test_the_memory_is_named_as_the_preset(tmp_path: Path, stem: str) -> None:
    (tmp_path / f"{stem}.yaml").write_text("crawl:\n  path: x\n", encoding="utf-8")
    path = str(tmp_path / f"{stem}.yaml")
    assert load("default").filter.memory == "default"
    assert load(path).filter.memory == stem
    assert load(path, ["filter.memory=shared"]).filter.memory == "shared"
    assert as_given(path).filter.memory is None
    assert with_memory(as_given(path), "other").filter.memory == "other"
    assert with_memory(load(path), "other").filter.memory == stem


def test_a_preset_whose_file_name_is_not_unicode_has_a_memory() -> None:
    assert with_memory(Config(), "caf\udce9").filter.memory == "caf\\udce9"


def test_an_empty_name_of_a_memory_is_none() -> None:
    assert load("default", ["filter.memory="]).filter.memory == "default"
    with pytest.raises(ValidationError, match="at least 1 character"):
        FilterConfig(memory="")
