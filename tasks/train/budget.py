"""How long a network may be trained: what fits the rest of `train.budget_min`."""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from configs.schema import TrainConfig
from tasks.store.atomic import write_json
from tasks.store.json_file import read_json
from tasks.train.recipes.network import NetworkRecipe
from tasks.train.training_set import TrainingSet

_FEWEST_STEPS = 75
"""A training with fewer optimizer steps is not worth its time: on 411 photos of trashnet, 39 changed nothing."""
_VALIDATED = 0.35
"""Time to validate a photo, as a share of the time to train on it."""


@dataclass(frozen=True)
class Allowance:
    """What the budget leaves for a training of a network."""

    epochs: int
    again: bool = True
    """Whether it can learn again, from train and validation photos together."""


def allowance(
    recipe: NetworkRecipe, config: TrainConfig, data: TrainingSet, left_s: float, path: Path
) -> Allowance | str:
    """Return what fits the budget, or why too little does; a killed training keeps what it was allowed.

    Args:
        recipe: How the network would be trained; some of its steps are timed.
        config: The settings.
        data: What it would learn from.
        left_s: What is left of the budget, in seconds.
        path: The file in which it is kept.
    """
    if path.exists():
        return Allowance(**read_json(path, dict[str, Any]))
    if left_s <= 0:
        return f"the budget of {config.budget_min:g} min is spent"
    began = time.monotonic()
    photos = len(data.train) + _VALIDATED * len(data.val)
    epoch_s = recipe.step_seconds() * photos / config.batch_size
    again_s = epoch_s + epoch_s * (len(data.train) + len(data.val)) / len(data.train)
    left_s -= time.monotonic() - began
    fewest = config.epochs
    if data.kind == "network":
        fewest = min(fewest, math.ceil(_FEWEST_STEPS * config.batch_size / len(data.train)))
    for each_s in (again_s, epoch_s) if config.refit else (epoch_s,):
        epochs = min(config.epochs, int(left_s / each_s))
        if epochs >= fewest:
            found = Allowance(epochs, again=each_s == again_s or not config.refit)
            write_json(path, asdict(found))
            return found
    return (
        f"it needs about {minutes(epoch_s * fewest)}, and {minutes(max(left_s, 0))} of the budget are left; "
        "raise train.budget_min to try it"
    )


def minutes(seconds: float) -> str:
    """Format a duration as the budget is given: `2.0 min`."""
    return f"{seconds / 60:.1f} min"
