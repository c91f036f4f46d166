"""How recipes are tried where one class has many more photos than another."""

import numpy as np
import pandas as pd
import pytest

from configs.schema import TrainConfig
from tasks.store.progress import silent
from tasks.train.auto import Trials
from tasks.train.recipes.network import NetworkRecipe
from tasks.train.training_set import Part, TrainingSet
from tasks.train.trial import Trial


def part(counts: tuple[int, int], seed: int) -> Part:
    targets = np.repeat(np.arange(2, dtype=np.int32), counts)
    names = [f"{seed}-{i}" for i in range(len(targets))]
    return Part(pd.DataFrame({"photo": names, "group": names}), targets)


@pytest.fixture
def data(monkeypatch, tmp_path) -> TrainingSet:
    """Two classes with 60 and 10 train photos, whose features differ by less than their spread."""

    def vectors(self: TrainingSet, part: Part) -> np.ndarray:
        noise = np.random.default_rng(len(part)).normal(size=(len(part), 4))
        return (part.targets[:, None] + noise).astype(np.float32)

    monkeypatch.setattr(TrainingSet, "vectors_of", vectors)
    monkeypatch.setattr(TrainingSet, "copies_of", lambda *_: (np.empty((0, 0), np.float32), np.empty(0, np.int64)))
    monkeypatch.setattr(TrainingSet, "info", {"upper_part": "b5"})
    return TrainingSet(["a", "b"], part((60, 10), 0), part((30, 6), 1), "network", *[tmp_path] * 4)


def test_networks_start_from_plain_logistic_regression_where_only_the_adjusted_one_is_tried(
    data, monkeypatch, tmp_path
) -> None:
    starts = []

    def try_out(recipe: NetworkRecipe, name: str, epochs: int | None = None, *, again: bool = True) -> Trial:
        starts.append(recipe._head and recipe._head[1].name)
        logits = np.zeros((len(data.val), 2), np.float32)
        return Trial(name, logits, logits, 1.0, [], details={"method": "none", "adjustment": 1.0})

    monkeypatch.setattr(NetworkRecipe, "try_out", try_out)
    monkeypatch.setattr(NetworkRecipe, "step_seconds", lambda _: 0.001)
    trials = Trials(TrainConfig(), data, "balanced_accuracy", folder=tmp_path / "trials", progress=silent)
    trials.run()
    assert "logistic regression" not in [trial.name for trial in trials.done]
    assert starts == [None, "logistic regression", "logistic regression"]  # the head, the upper part, all
