"""Settings of the training for classes with different numbers of photos."""

from typing import Literal

from pydantic import Field

from configs.schema.section import Section

ImbalanceMethod = Literal[
    "auto", "none", "weights", "effective", "focal", "balanced_softmax", "logit_adjustment", "retrain_head"
]


class ImbalanceConfig(Section):
    """Compensation for classes with different numbers of photos; `imbalance: focal` is short for `method: focal`."""

    method: ImbalanceMethod = Field(
        "auto",
        description="auto: validation chooses between none and logit_adjustment, and the strength; where a network is "
        "all that is tried, logit_adjustment for balanced_accuracy and macro_f1, else none. none: all photos have the "
        "same weight. weights: a photo's weight is 1 / count^power, where count "
        "is the number of train photos of its class. effective: the weight is 1 / effective number of photos. focal: "
        "photos that are classified well have lower weights. balanced_softmax: the loss adds each class's log prior "
        "to its logit. logit_adjustment: log priors are subtracted from the logits after training. retrain_head: the "
        "head is trained again, with every class drawn equally often.",
    )
    power: float = Field(
        1, ge=0, le=1, description="weights: 1 balances the classes; 0.5 is the square root; 0 is none."
    )
    cap: float = Field(
        10, ge=1, description="weights and effective: the largest ratio of two photos' weights; the mean weight is 1."
    )
    beta: float = Field(
        0.999, ge=0, lt=1, description="effective: 0 weighs photos equally; close to 1 is like weights with power 1."
    )
    gamma: float = Field(
        2, ge=0, le=10, description="focal: exponent of (1 - probability); 0 is the plain cross entropy."
    )
    strength: float = Field(
        1, ge=0, le=3, description="logit_adjustment: factor of the log priors; 1 treats all classes as equally common."
    )
    epochs: int = Field(20, ge=1, description="retrain_head: passes over the train photos.")
