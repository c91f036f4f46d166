"""What a recipe remembers of a trial."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from configs.schema import ImbalanceConfig, TrainConfig
from tasks.store.progress import silent
from tasks.train.recipes import NetworkRecipe
from tasks.train.training_set import Part, TrainingSet


def test_a_network_says_how_strongly_its_logits_were_adjusted(monkeypatch, tmp_path) -> None:
    nothing = Part(pd.DataFrame({"photo": [], "group": []}), np.empty(0, np.int32))
    data = TrainingSet(["a", "b"], nothing, nothing, "network", tmp_path, tmp_path, tmp_path, tmp_path)
    config = TrainConfig(imbalance=ImbalanceConfig(method="logit_adjustment", strength=0.5))
    recipe = NetworkRecipe(config, data, unfreeze=(), folder=tmp_path, progress=silent)
    trained = SimpleNamespace(get_weights=list), SimpleNamespace(best_epochs={}, best_epoch=1, history={})
    monkeypatch.setattr(NetworkRecipe, "_train", lambda *_: trained)
    details = recipe.try_out("head").details
    assert (details["method"], details["adjustment"]) == ("logit_adjustment", 0.5)  # auto takes both over
