"""The arms of an ablation: how they are written, which are compared if none is given, and which are refused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from configs import no_effect
from configs.errors import ConfigError
from configs.load import with_overrides
from configs.schema import STAGE_NAMES, Config
from configs.settings import differing_settings
from flows import preflight
from tasks.evaluate import stage as evaluate
from tasks.store.errors import UserError

_NEXT_SETTING = re.compile(r"\s+(?=[A-Za-z_][\w.]*=)")
"""The blanks between two settings; a value may contain others."""
_LONGEST_NAME = 60
_SAME_TEST = frozenset(f"filter.{name}" for name in ("max_outlier", "max_label_doubt", "embedding", "embedding_scale"))
"""The settings of the filter that only reject train photos."""
_SHOWN_ONLY = frozenset(f"evaluate.{name}" for name in evaluate.STAGE.view_settings)
_SEEDS = frozenset({"pretrain.seed", "train.seed", "evaluate.seed"})


@dataclass(frozen=True)
class Arm:
    """Some settings that are changed, and their name."""

    name: str
    overrides: tuple[str, ...] = ()
    """`section.setting=value`."""
    answers: str = ""
    """The question that a standard arm answers."""


@dataclass(frozen=True)
class LoadedArm:
    """An arm with all its settings."""

    name: str
    overrides: tuple[str, ...]
    config: Config
    answers: str = ""


_NO_AUTOENCODER = "no autoencoder"
STANDARD = (
    Arm(
        _NO_AUTOENCODER,
        ("pretrain.encoder=none", "train.through_encoder=false", "train.recipe=network"),
        "What does the same network reach that learns from the tiles themselves?",
    ),
    Arm(
        "frozen codes",
        ("pretrain.encoder=autoencoder", "train.through_encoder=false", "train.recipe=network"),
        "Does it help to learn from the codes of an autoencoder?",
    ),
    Arm(
        "codes fine-tuned",
        ("pretrain.encoder=autoencoder", "train.through_encoder=true", "train.recipe=network"),
        "Does it help if the encoder then learns the classes, too?",
    ),
    Arm(
        "untrained encoder",
        ("pretrain.encoder=autoencoder", "pretrain.epochs=0", "train.through_encoder=false", "train.recipe=network"),
        "Is it the autoencoder's training that helps, or would random convolutions do?",
    ),
    Arm(
        "ImageNet weights on codes",
        (
            "pretrain.encoder=autoencoder",
            "pretrain.code_channels=3",
            "train.network=efficientnet_lite0",
            "train.network_weights=auto",
            "train.through_encoder=false",
            "train.recipe=network",
        ),
        "What does a network reach on the codes that has learned from photos before?",
    ),
    Arm(
        "pretrained encoder on tiles",
        (
            "pretrain.encoder=efficientnet_lite0",
            "pretrain.weights=auto",
            "train.through_encoder=false",
            "train.cam_filters=null",
            "train.recipe=auto",
        ),
        "What does a network reach that has learned from other photos before?",
    ),
)
"""What is compared without `--arm`: whether the autoencoder earns its place."""


def standard(config: Config) -> list[Arm]:
    """Return the standard arms for the settings of the first one.

    Where `train.network` begins with pretrained weights on the codes, it does so on the tiles, too: otherwise the
    weights would make the difference, not the autoencoder.
    """
    train = config.train
    if train.network_weights == "none":
        return list(STANDARD)
    same = (
        f"pretrain.encoder={train.network}",
        f"pretrain.weights={train.network_weights}",
        "train.through_encoder=false",
        "train.recipe=network",
    )
    return [replace(arm, overrides=same) if arm.name == _NO_AUTOENCODER else arm for arm in STANDARD]


def settings_in(text: str) -> tuple[str, ...]:
    """Divide a text into its settings, `section.setting=value`; a value may contain blanks."""
    return tuple(filter(None, _NEXT_SETTING.split(text.strip())))


def read(text: str) -> Arm:
    """Read an arm: `NAME: setting=value setting=value`; the name may be left out.

    Raises:
        UserError: There is no setting, or the name is too long.
    """
    head, colon, rest = text.partition(":")
    named = bool(colon) and "=" not in head
    settings = settings_in(rest if named else text)
    name = " ".join((head if named else " ".join(settings)).split())
    if not settings or not name:
        raise UserError(f"--arm {text!r}: an arm looks like 'NAME: train.epochs=5 train.head=cosine'")
    if not named and len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}…"
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise UserError(f"--arm {text!r}: its name must be printable and have at most {_LONGEST_NAME} characters")
    return Arm(name, settings)


def load(preset: str, config: Config, arms: Sequence[Arm]) -> tuple[list[LoadedArm], list[str]]:
    """Return the preset as given and the arms with their settings, and notes about settings that change nothing.

    Args:
        preset: The name of the first arm.
        config: Its settings.
        arms: The other arms; none: the standard ones, as far as they differ from the preset.

    Raises:
        UserError: An arm is invalid, changes the photos or the split, or is the same as another one.
    """
    first = LoadedArm(preset, (), _alone(config))
    loaded, notes = [first], []
    for arm in arms or standard(config):
        changed = _load(arm, first.config)
        same = next((each for each in loaded if not differences(each.config, changed.config)), None)
        if same and arms:
            raise UserError(_same(changed, same, first))
        if same is None:
            _check_name(changed, loaded)
            given = differences(changed.config, first.config)
            notes += [f"arm {arm.name!r}: {note}" for note in no_effect.notes(changed.config, given)]
            loaded.append(changed)
        else:
            notes.append(f"the standard arm {arm.name!r} is left out: it is the same as {same.name!r}")
    if len(loaded) < 2:
        raise UserError("there is nothing to compare: add an arm, such as --arm 'train.imbalance=none'")
    return loaded, notes


def differences(config: Config, other: Config) -> list[str]:
    """Return the settings in which two arms differ, as far as they can change an answer."""
    found = differing_settings(config, other)
    return [name for name in found if name.partition(".")[0] in STAGE_NAMES and name not in _SHOWN_ONLY]


def _load(arm: Arm, first: Config) -> LoadedArm:
    try:
        config = with_overrides(first, arm.overrides)
        names = [override.partition("=")[0] for override in arm.overrides]
        for name in dict.fromkeys([*differing_settings(config, first), *names]):
            if why := _refusal(name):
                raise UserError(f"{name}: {why}")
        preflight.check_names(config)
    except (ConfigError, UserError) as error:
        given = " ".join(arm.overrides)
        which = f"arm {arm.name!r}" + (f" ({given})" if given != arm.name else "")
        raise UserError("\n".join(f"{which}: {line}" for line in str(error).split("\n"))) from error
    return LoadedArm(arm.name, arm.overrides, config, arm.answers)


def _refusal(name: str) -> str:
    """Say why an arm may not change a setting; an empty text if it may."""
    section = name.partition(".")[0]
    if section == "crawl" or (section == "filter" and name not in _SAME_TEST):
        return (
            "an arm can't change the photos or the split: its answers would be to other photos, so that nothing could "
            "be compared; set it for all arms, beside the preset"
        )
    if name in _SEEDS:
        return "the seeds are the same in all arms; set their number with --seeds, or set it beside the preset"
    if name.startswith("train.warm_start") or name == "train.full_retrain_every":
        return "all arms are trained from scratch; leave it out"
    if section not in STAGE_NAMES:
        return (
            "it changes no answer; an arm changes settings of preprocess, pretrain, extract, train or evaluate, such "
            "as train.imbalance=none"
        )
    return ""


def _check_name(arm: LoadedArm, others: Sequence[LoadedArm]) -> None:
    if any(arm.name == other.name for other in others):
        raise UserError(f"two arms are called {arm.name!r}; write --arm 'NAME: {' '.join(arm.overrides)}'")


def _same(arm: LoadedArm, other: LoadedArm, first: LoadedArm) -> str:
    if other is first:
        return (
            f"arm {arm.name!r} is the same as the preset: {' '.join(arm.overrides)} changes no answer; give another "
            "value, or leave the arm out"
        )
    return f"the arms {other.name!r} and {arm.name!r} have the same settings; leave one of them out"


def _alone(config: Config) -> Config:
    """Return a config that starts from no earlier classifier."""
    train = config.train.model_copy(update={"warm_start": False})
    return config.model_copy(update={"train": train})
