"""The plan of an ablation: its arms, the seeds, and the train photos of each class; checked before anything runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from configs.schema import Config
from flows.ablate import arms
from flows.ablate.arms import Arm, LoadedArm
from tasks.store import hashing
from tasks.store.errors import UserError

Size = int | Literal["all"]
"""The largest number of train photos of each class, or all."""

FEW_SEEDS = 3
"""With fewer seeds, the interval hardly knows how much chance there is in a training."""
_IGNORED = {"name", "workers", "store", "changes", "drift", "promote", "notify"}
"""Sections that change no answer."""


@dataclass(frozen=True)
class Cell:
    """One training of one arm."""

    arm: LoadedArm
    seed: int
    """It is added to the seeds of the settings; the first is 0."""
    size: Size

    @property
    def title(self) -> str:
        """Its name for people."""
        photos = "" if self.size == "all" else f", {self.size:,} a class"
        return f"{self.arm.name}{photos}, seed {self.seed}"

    @property
    def config(self) -> Config:
        """The settings of the arm with the seeds of this training.

        The filter's seed stays, so that all trainings have the same test photos. That of the evaluation, which draws
        the intervals, stays as well. A pretrained network has no random part.
        """
        config = self.arm.config
        train = config.train.model_copy(update={"seed": config.train.seed + self.seed})
        pretrain = config.pretrain
        if pretrain.kind == "autoencoder":
            pretrain = pretrain.model_copy(update={"seed": pretrain.seed + self.seed})
        return config.model_copy(update={"train": train, "pretrain": pretrain})


@dataclass(frozen=True)
class Plan:
    """What is compared."""

    preset: str
    arms: tuple[LoadedArm, ...]
    """The first is the preset as given."""
    seeds: int
    sizes: tuple[Size, ...]
    """In ascending order."""
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> LoadedArm:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def cells(self) -> list[Cell]:
        """All trainings: the arms of one seed after each other, so that an ablation that is stopped has whole seeds."""
        return [Cell(arm, seed, size) for seed, size, arm in product(range(self.seeds), self.sizes, self.arms)]

    @property
    def id(self) -> str:
        """The name of its folder: the same question has the same folder, and continues there."""
        asked = [self.preset, self.seeds, list(self.sizes)]
        asked += [[arm.name, arm.config.model_dump(mode="json", exclude=_IGNORED)] for arm in self.arms]
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.preset).strip("-")[:40]
        return "-".join(filter(None, [name, hashing.of_value(asked)[:8]]))


def make(
    preset: str,
    config: Config,
    given: Sequence[str] = (),
    *,
    seeds: int = FEW_SEEDS,
    sizes: Sequence[Size] = ("all",),
    minutes: float | None = None,
) -> Plan:
    """Make a plan; see `flows.ablate.flow.ablate` for the arguments.

    Raises:
        UserError: An arm or a number is invalid.
    """
    if seeds < 1:
        raise UserError(f"--seeds {seeds}: there must be at least one; 3 or more are needed to see chance")
    for size in sizes:
        if size != "all" and size < 1:
            raise UserError(f"--photos-per-class {size}: give numbers from 1 on, or all")
    if minutes is not None and minutes <= 0:
        raise UserError(f"--minutes {minutes:g}: must be above 0")
    read = [_with_budget(arms.read(text), minutes) for text in given]
    if minutes is not None:
        train = config.train.model_copy(update={"budget_min": minutes})
        config = config.model_copy(update={"train": train})
    loaded, notes = arms.load(preset, config, read)
    if config.train.warm_start:
        notes.append("train.warm_start is off in an ablation: all arms are trained from scratch")
    if seeds < FEW_SEEDS:
        notes.append(f"--seeds {seeds}: with fewer than {FEW_SEEDS}, chance in the trainings is underestimated")
    notes += _unlimited(loaded, minutes)
    ascending = sorted(set(sizes), key=lambda size: (size == "all", 0 if size == "all" else size))
    return Plan(preset, tuple(loaded), seeds, tuple(ascending) or ("all",), tuple(notes))


def read_sizes(texts: Sequence[str]) -> list[Size]:
    """Read numbers of train photos of each class: `20 60 all`, with commas or blanks between them.

    Raises:
        UserError: A word is neither a number nor `all`.
    """
    found: list[Size] = []
    for word in re.split(r"[,\s]+", " ".join(texts).strip()):
        if word and word != "all" and not word.isdecimal():
            raise UserError(f"--photos-per-class {word!r}: give numbers and all, such as '20 60 all'")
        if word:
            found.append("all" if word == "all" else int(word))
    return found


def _with_budget(arm: Arm, minutes: float | None) -> Arm:
    if minutes is not None and any(override.startswith("train.budget_min=") for override in arm.overrides):
        raise UserError(f"arm {arm.name!r}: train.budget_min is the same in all arms with --minutes; leave one of both")
    return arm


def _unlimited(loaded: Sequence[LoadedArm], minutes: float | None) -> list[str]:
    """Say which arms aren't bounded by `--minutes`."""
    names = [arm.name for arm in loaded if arm.config.train.recipe != "auto"]
    if minutes is None or not names:
        return []
    return [
        f"--minutes {minutes:g} bounds train.recipe=auto only; these arms train up to train.epochs epochs, however "
        f"long that takes: {', '.join(names)}"
    ]
