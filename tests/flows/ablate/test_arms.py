"""Arms: how they are written, and which are refused before anything runs."""

import pytest

from configs import presets
from configs.load import load
from configs.schema import Config
from flows.ablate import arms
from flows.ablate.arms import STANDARD, Arm
from tasks.store.errors import UserError

FROM_SCRATCH = Config.model_validate({"pretrain": {"encoder": "none"}, "train": {"recipe": "network"}})


@pytest.mark.parametrize(
    ("text", "name", "overrides"),
    [
        ("train.imbalance=none", "train.imbalance=none", ("train.imbalance=none",)),
        (
            "train.epochs=5  train.head=cosine",
            "train.epochs=5 train.head=cosine",
            ("train.epochs=5", "train.head=cosine"),
        ),
        ("short: train.epochs=5", "short", ("train.epochs=5",)),
        ("two words: train.filters=[4, 8] train.epochs=5", "two words", ("train.filters=[4, 8]", "train.epochs=5")),
        ("train.imbalance={method: focal}", "train.imbalance={method: focal}", ("train.imbalance={method: focal}",)),
    ],
)
def test_an_arm_is_a_list_of_settings_with_or_without_a_name(text: str, name: str, overrides: tuple[str, ...]) -> None:
    assert arms.read(text) == Arm(name, overrides)


@pytest.mark.parametrize("text", ["", "cosine:", ": train.epochs=5", f"{'x' * 61}: train.epochs=5"])
def test_an_arm_without_a_setting_or_a_name_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--arm"):
        arms.read(text)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.imbalanse=none", r"arm 'train.imbalanse=none': train.imbalanse: unknown setting \(did you mean"),
        ("train.epochs=many", r"arm 'train.epochs=many': train.epochs: .*got 'many'"),
        ("train.epochs", r"an override looks like train.epochs=5"),
        ("train.network=nothing", r"arm 'train.network=nothing': .*nothing"),
        ("crawl.per_class=5", r"crawl.per_class: an arm can't change the photos or the split"),
        ("filter.seed=1", r"filter.seed: an arm can't change the photos or the split"),
        ("train.seed=1", r"train.seed: the seeds are the same in all arms"),
        ("train.warm_start=true", r"train.warm_start: all arms are trained from scratch"),
        ("workers.threads=1", r"workers.threads: it changes no answer"),
        ("train.dropout=0.5", r"'train.dropout=0.5' is the same as the preset"),
        ("evaluate.gallery=1", r"'evaluate.gallery=1' is the same as the preset"),
    ],
)
def test_an_arm_that_cannot_be_compared_is_refused_with_its_name(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        arms.load("x", FROM_SCRATCH, [Arm(override, (override,))])


def test_the_message_about_a_named_arm_has_what_was_given() -> None:
    with pytest.raises(UserError, match=r"arm 'long' \(train.epoch=5\): train.epoch: unknown setting \(did you mean"):
        arms.load("x", Config(), [Arm("long", ("train.epoch=5",))])


def test_two_arms_with_the_same_settings_or_the_same_name_are_refused() -> None:
    with pytest.raises(UserError, match="the arms 'a' and 'b' have the same settings"):
        arms.load("x", Config(), [Arm("a", ("train.epochs=5",)), Arm("b", ("train.epochs=5",))])
    with pytest.raises(UserError, match="two arms are called 'a'"):
        arms.load("x", Config(), [Arm("a", ("train.epochs=5",)), Arm("a", ("train.epochs=6",))])
    with pytest.raises(UserError, match="two arms are called 'x'"):
        arms.load("x", Config(), [Arm("x", ("train.epochs=5",))])


def test_a_setting_that_rejects_train_photos_only_may_be_an_arm() -> None:
    loaded, _ = arms.load("x", Config(), [Arm("a", ("filter.max_outlier=4",))])
    assert loaded[1].config.filter.max_outlier == 4


def test_the_standard_arms_can_be_loaded_and_one_that_is_the_preset_is_left_out() -> None:
    loaded, notes = arms.load("x", FROM_SCRATCH, [])
    assert [arm.name for arm in loaded] == ["x", *(arm.name for arm in STANDARD if arm.name != "no autoencoder")]
    assert any("'no autoencoder' is left out" in note for note in notes)
    assert all(arm.answers.endswith("?") for arm in STANDARD)


@pytest.mark.parametrize("preset", presets.names())
def test_the_standard_arms_can_be_loaded_for_every_preset(preset: str) -> None:
    photos = ["crawl.sources=folder", "crawl.path=photos", "crawl.keywords={}"]
    loaded, _ = arms.load(preset, load(preset, photos), [])
    assert len(loaded) >= len(STANDARD) - 1


def test_without_the_autoencoder_the_network_begins_with_the_same_weights() -> None:
    given = ["train.network=efficientnet_lite1", "pretrain.texture=false"]
    loaded, _ = arms.load("whales_writeup", load("whales_writeup", [*given, "train.network_weights=auto"]), [])
    (without,) = (arm.config for arm in loaded if arm.name == "no autoencoder")
    assert (without.pretrain.encoder, without.pretrain.weights) == ("efficientnet_lite1", "auto")
    loaded, _ = arms.load("whales_writeup", load("whales_writeup", [*given, "train.network_weights=none"]), [])
    (without,) = (arm.config for arm in loaded if arm.name == "no autoencoder")
    assert (without.pretrain.encoder, without.train.network) == ("none", "efficientnet_lite1")


def test_the_standard_arms_can_be_loaded_for_a_preset_that_learns_through_an_encoder() -> None:
    codes = {"pretrain": {"encoder": "autoencoder"}, "train": {"recipe": "network", "through_encoder": True}}
    loaded, notes = arms.load("x", Config.model_validate(codes), [])
    assert {arm.name for arm in loaded if arm.config.train.through_encoder} == {"x"}
    assert any("'codes fine-tuned' is left out" in note for note in notes)


def test_a_setting_of_an_arm_that_has_no_effect_is_said() -> None:
    _, notes = arms.load("x", Config(), [Arm("a", ("train.imbalance.gamma=3",))])
    assert [note.partition(" has")[0] for note in notes] == ["arm 'a': train.imbalance.gamma"]


def test_no_arm_starts_from_an_earlier_classifier() -> None:
    config = Config.model_validate({"train": {"warm_start": True}})
    loaded, _ = arms.load("x", config, [Arm("a", ("train.epochs=5",))])
    assert not any(arm.config.train.warm_start for arm in loaded)
