"""The recipes: ways in which a classifier learns from a training set. Each can be tried, built and learned again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from configs.schema import ImbalanceMethod, TrainConfig
from tasks.train.training_set import TrainingSet
from tasks.train.trial import Trial

if TYPE_CHECKING:
    import keras


def with_method(config: TrainConfig, method: ImbalanceMethod, strength: float | None = None) -> TrainConfig:
    """Return settings with another method for uneven classes, and another strength of the logit adjustment if given."""
    changes = {"method": method} | ({"strength": strength} if strength is not None else {})
    return config.model_copy(update={"imbalance": config.imbalance.model_copy(update=changes)})


class Recipe(Protocol):
    """A way in which a classifier learns."""

    name: str
    """logistic or network."""
    is_frozen: bool
    """Whether it leaves a pretrained network unchanged."""
    takes_codes: bool
    """Whether its classifier takes an autoencoder's codes; else tiles."""

    def again(self, trial: Trial, data: TrainingSet) -> list[NDArray[Any]]:
        """Learn again, as in a trial, from a training set without validation; returns the arrays."""

    def classifier(self, arrays: Sequence[NDArray[Any]]) -> "keras.Model":
        """Build the classifier, from tiles or codes to logits, from the arrays of a trial."""
