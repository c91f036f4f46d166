"""Settings without effect: each that the user gave is named with what it needs."""

from pathlib import Path

import pytest

from configs.given import given_settings
from configs.load import load
from configs.no_effect import RULES, SOURCES, notes
from configs.settings import descriptions

SCRATCH = ["pretrain.encoder=none"]
CODES = ["pretrain.encoder=autoencoder"]
CODES3 = [*CODES, "pretrain.code_channels=3", "train.network=mobilenet_v3"]
PRETRAINED = ["pretrain.encoder=efficientnet_lite0"]
ENGINES = ["crawl.sources=[openverse,commons]"]
KEYWORDS = [*ENGINES, "crawl.keywords=[a, b]"]


def named(*overrides: str) -> list[str]:
    return [
        line.partition(" has no effect, because it needs ")[0]
        for line in notes(load("default", overrides), given_settings("default", overrides))
    ]


CASES: list[tuple[str, list[str], list[str]]] = [
    ("crawl.path=x", KEYWORDS, []),
    ("crawl.images=x", [], ["crawl.sources=csv"]),
    ("crawl.columns.label=x", [], ["crawl.sources=csv"]),
    ("crawl.columns.label=x", [], ["crawl.sources=annotations"]),
    ("crawl.columns.time=x", ["crawl.sources=huggingface"], ["crawl.sources=csv"]),
    ("crawl.columns.url=x", ["crawl.sources=csv"], ["crawl.sources=urls"]),
    ("crawl.columns.split=x", [], ["crawl.sources=urls"]),
    ("crawl.columns.split=x", ["crawl.sources=csv", "crawl.split=ignore"], ["crawl.sources=csv"]),
    ("crawl.split=ignore", KEYWORDS, []),
    ("crawl.min_side_px=100", ["crawl.sources=gallery"], ENGINES),
    ("crawl.filters.licence=open", [], ENGINES),
    ("crawl.filters.size=large", ["crawl.sources=urls"], ENGINES),
    ("crawl.top_up={} photo", ["crawl.sources=csv"], ENGINES),
    ("crawl.max_pages=3", ["crawl.sources=urls"], ENGINES),
    ("crawl.replay=true", [], ["crawl.sources=urls"]),
    ("crawl.min_yield=0.5", [], ENGINES),
    ("crawl.min_yield=0.6", [*ENGINES, "crawl.replay=true"], ENGINES),
    ("crawl.requests_per_s=1", [], ["crawl.sources=urls"]),
    ("crawl.contact=me@example.org", ["crawl.sources=csv"], ENGINES),
    ("crawl.robots=nowhere", [*ENGINES, "crawl.replay=true"], ENGINES),
    ("crawl.min_side_px=64", ["crawl.sources=site", "crawl.keywords={a: https://a.example}"], ENGINES),
    ("crawl.min_aspect=0.5", [], ENGINES),
    ("crawl.port=9000", ENGINES, ["crawl.sources=gallery"]),
    ("filter.face_model=x.onnx", [], ["filter.faces=[1, 1]"]),
    ("filter.embedding=x.keras", [], ["filter.label_issues=10"]),
    ("evaluate.label_issues=10", ["pretrain.encoder=none"], []),
    ("filter.embedding_scale=tf", ["filter.max_outlier=4"], ["filter.max_outlier=4", "filter.embedding=x.keras"]),
    ("filter.group_pages=false", [], ENGINES),
    ("pretrain.epochs=3", PRETRAINED, CODES),
    ("pretrain.code_channels=4", SCRATCH, CODES),
    ("pretrain.weights=imagenet", CODES, PRETRAINED),
    ("pretrain.pooling=gem", SCRATCH, PRETRAINED),
    ("pretrain.texture=false", CODES, PRETRAINED),
    ("pretrain.patience=3", PRETRAINED, CODES),
    ("pretrain.precision=float32", PRETRAINED, CODES),
    ("preprocess.pad_value=128", ["preprocess.fit=stretch"], []),
    ("train.network_weights=auto", [*CODES3, "train.recipe=logistic"], CODES3),
    ("extract.batch_size=8", SCRATCH, CODES),
    ("extract.copies=2", SCRATCH, PRETRAINED),
    ("extract.augment.flip=none", PRETRAINED, [*PRETRAINED, "extract.copies=1"]),
    ("workers.timeout_h.pretrain=8", SCRATCH, PRETRAINED),
    ("train.network=resnet18", PRETRAINED, CODES),
    ("train.network=resnet34", [*PRETRAINED, "train.recipe=network"], SCRATCH),
    ("train.filters=[8]", [*SCRATCH, "train.network=small_convnet"], SCRATCH),
    ("train.filters=[4]", PRETRAINED, CODES),
    ("train.budget_min=3", ["train.recipe=logistic"], PRETRAINED),
    ("train.budget_min=4", SCRATCH, CODES),
    ("train.refit=false", SCRATCH, PRETRAINED),
    ("train.refit=false", ["train.warm_start=true"], CODES),
    ("train.warm_start=true", ["train.recipe=logistic"], ["train.recipe=network"]),
    ("train.warm_start=true", ["train.recipe=logistic"], SCRATCH),
    ("train.dropout=0.1", ["train.recipe=logistic"], []),
    ("train.patience=3", ["train.recipe=logistic"], ["train.recipe=head"]),
    ("train.scale=8", [], ["train.head=cosine"]),
    ("train.sub_centres=2", [], ["train.head=arcface"]),
    ("train.margin=0.2", ["train.head=cosine"], ["train.head=arcface"]),
    ("train.margin_growth=0.2", ["train.head=cosine"], ["train.head=arcface"]),
    ("train.unfreeze=all", SCRATCH, PRETRAINED),
    ("train.unfreeze_rate=0.2", [*PRETRAINED, "train.recipe=head"], [*PRETRAINED, "train.recipe=network"]),
    ("train.head_epochs=5", CODES, PRETRAINED),
    ("train.epochs=5", [*PRETRAINED, "train.recipe=logistic"], PRETRAINED),
    ("train.augment.mixup=0.2", ["train.recipe=head"], ["train.recipe=network"]),
    ("train.augment.flip=none", ["train.recipe=head"], CODES),
    ("train.augment.magnitude=0.4", CODES, [*SCRATCH, "train.augment.rand_augment=1"]),
    ("train.network_weights=auto", SCRATCH, CODES3),
    ("train.unfreeze_rate=0.3", CODES, [*CODES, "train.through_encoder=true"]),
    ("train.augment.rand_augment=1", CODES, PRETRAINED),
    ("train.augment.rand_augment=2", CODES, [*CODES, "train.through_encoder=true"]),
    ("train.augment.magnitude=0.5", SCRATCH, [*SCRATCH, "train.augment.rand_augment=1"]),
    ("train.augment.fill=reflect", [*SCRATCH, "train.augment={rotate_deg: 0, shift: 0, zoom: 0}"], SCRATCH),
    ("train.imbalance.power=0.5", ["train.imbalance=focal"], []),
    ("train.imbalance.cap=3", ["train.imbalance=focal"], ["train.imbalance=effective"]),
    ("train.imbalance.beta=0.9", [], ["train.imbalance=effective"]),
    ("train.imbalance.gamma=2", [], ["train.imbalance=focal"]),
    ("train.imbalance.strength=2", ["train.imbalance=none"], ["train.imbalance=logit_adjustment"]),
    ("train.imbalance.epochs=2", [], ["train.imbalance=retrain_head"]),
    ("train.full_retrain_every=3", [], ["train.warm_start=true"]),
    ("evaluate.unknown_label=x", [], ["evaluate.unknown=threshold", "filter.unseen_classes=0.2"]),
    ("workers.address=tcp://10.0.0.1:8786", [], ["workers.kind=dask"]),
    ("workers.processes=3", [], ["workers.kind=dask"]),
]
"""A setting; others with which it has no effect; others with which it has one."""


@pytest.mark.parametrize(("override", "without", "together"), CASES)
def test_a_setting_is_named_unless_it_has_an_effect(override: str, without: list[str], together: list[str]) -> None:
    name = override.partition("=")[0]
    assert name in named(override, *without)
    assert name not in named(override, *together)


def test_every_rule_is_about_settings_that_exist_and_is_tested_above() -> None:
    names = [name for name, _ in descriptions()]
    tested = {override.partition("=")[0] for override, _, _ in CASES} | {"filter.mirrored"}
    for rule in RULES:
        assert all(any(f"{name}.".startswith(f"{setting}.") for name in names) for setting in rule.settings)
        assert any(rule.applies_to(name) for name in tested), rule


def test_without_near_duplicates_mirror_images_do_not_matter() -> None:
    config = load("default")
    off = config.model_copy(update={"filter": config.filter.model_copy(update={"duplicate_bits": None})})
    assert list(notes(config, ["filter.mirrored"])) == []
    assert len(list(notes(off, ["filter.mirrored", "filter.drop_near_duplicates"]))) == 2


def test_a_note_says_what_to_set() -> None:
    overrides = ["train.imbalance=focal", "train.imbalance.cap=3", "train.epochs=5"]
    (line,) = notes(load("default", overrides), given_settings("default", overrides))
    assert line == (
        "train.imbalance.cap has no effect, because it needs train.imbalance.method=weights or effective: set that, or "
        "leave train.imbalance.cap out"
    )


def test_a_source_that_somebody_has_added_may_use_any_setting_of_the_crawl() -> None:
    assert named("crawl.sources=mine", "crawl.path=x", "crawl.columns.label=x", "train.margin=0.1") == ["train.margin"]


def test_the_sources_that_come_with_fluke_are_known() -> None:
    modules = Path(__file__).parents[2].glob("tasks/crawl/sources/[!_]*.py")
    assert {module.stem for module in modules} == SOURCES
