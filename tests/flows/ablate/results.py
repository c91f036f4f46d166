"""Trainings of arms that were never trained: their answers are made up."""

import numpy as np
import pandas as pd

from configs.schema import Config
from flows.ablate.comparison import Row, compare
from flows.ablate.journal import Cost
from flows.ablate.plan import Cell, Plan, make
from flows.ablate.trainings import Trained

CLASSES = ("a", "b", "c")
RESAMPLES = 60


def trained(cell: Cell, right: float, seconds: float, *, photos: int = 90, bias: int = 0) -> Trained:
    """Return a training that answers a share of photos right; `bias` adds other mistakes for each seed."""
    random = np.random.default_rng(cell.seed + bias)
    truth = np.arange(photos) % len(CLASSES)
    is_right = np.random.default_rng(1).permutation(photos) < right * photos
    if bias:
        is_right = random.permutation(photos) < right * photos
    predicted = np.where(is_right, truth, (truth + 1) % len(CLASSES))
    answers = pd.DataFrame(
        {
            "photo": [f"{i:03d}" for i in range(photos)],
            "label": [CLASSES[i] for i in truth],
            "predicted": [CLASSES[i] for i in predicted],
            "rank": np.where(is_right, 1, 2),
            "loss": 0.5,
            "group": [f"{i // 2}" for i in range(photos)],
        }
    )
    costs = {"preprocess": Cost(seconds=1, devices=1), "train": Cost(seconds=seconds, devices=2)}
    return Trained(cell, "accuracy", {"accuracy": float(is_right.mean())}, answers, costs)


def compared(shares: dict[str, float], **options: object) -> tuple[Plan, dict[str, Trained], list[Row]]:
    """Compare arms that answer these shares of the photos right; the first is the preset `x`."""
    given = [f"{name}: train.epochs={i}" for i, name in enumerate(list(shares)[1:], 1)]
    plan = make("x", Config(), given, **options)  # type: ignore[arg-type]
    seconds = {name: 60.0 * (i + 1) for i, name in enumerate(shares)}
    done = {cell.title: trained(cell, shares[cell.arm.name], seconds[cell.arm.name]) for cell in plan.cells}
    return plan, done, compare(plan, done, resamples=RESAMPLES)[1]
