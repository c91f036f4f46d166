"""Settings of the classifier and its training."""

from typing import Literal

from pydantic import Field, field_validator

from configs.schema.augment import AugmentConfig
from configs.schema.imbalance import ImbalanceConfig
from configs.schema.section import Filters, Precision, Section, Seed, UserPath, Xla


class TrainConfig(Section):
    """The classifier and how it is trained."""

    recipe: Literal["auto", "logistic", "head", "network"] = Field(
        "auto",
        description="How the classifier learns. auto: tries recipes from cheap to dear, and validation chooses. "
        "logistic: regularised logistic regression on the features. head: a head on the features, by gradient descent. "
        "network: after the head, the pretrained network too, as unfreeze says; with pretrain.encoder=autoencoder or "
        "none, train.network.",
    )
    budget_min: float = Field(
        2,
        ge=0,
        description="auto: minutes for all recipes. One that would take longer than what is left is not tried; the "
        "report says so. The cheapest is always tried.",
    )
    metric: Literal["auto", "accuracy", "balanced_accuracy", "macro_f1", "map_at_5"] = Field(
        "auto",
        description="What recipes are compared by, and the headline of the report. auto: map_at_5 for many classes "
        "with few photos (individuals), balanced_accuracy for uneven classes, else accuracy.",
    )
    refit: bool = Field(
        True,
        description="Whether the chosen recipe learns again from the train and the validation photos together.",
    )
    network: str = Field(
        "convnet",
        description="With pretrain.encoder=autoencoder or none: the network that learns from scratch; "
        "docs/networks.md lists them.",
    )
    network_weights: Literal["none", "auto", "imagenet"] | UserPath = Field(
        "none",
        description="With pretrain.encoder=autoencoder and codes of 3 channels: the weights that train.network begins "
        "with. none: it learns from scratch. auto, imagenet, or a Keras model file: as pretrain.weights.",
    )
    filters: tuple[Filters, ...] = Field(
        (64, 128, 128), min_length=1, max_length=8, description="convnet only: filters of each block."
    )
    head: Literal["softmax", "cosine", "arcface"] = Field(
        "softmax",
        description="softmax: a dense layer. cosine: scaled cosines of the angles to a direction for each class, for "
        "many classes with few photos. arcface: like cosine, with a margin in training.",
    )
    hidden: int | None = Field(
        None, ge=1, description="Units of a dense layer before the last layer; null: no such layer."
    )
    cam_filters: Filters | None = Field(
        None,
        description="A 3x3 convolution with so many filters between the network's last map and its mean, for class "
        "activation maps (Zhou et al., 2016). It learns from tiles, so a pretrained network needs recipe=network. "
        "null: no such convolution; the mean of the last map gives the maps.",
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout before the last layer.")
    scale: float = Field(16, gt=0, description="cosine and arcface: factor of the cosines.")
    margin: float = Field(0.3, ge=0, lt=1.5, description="arcface: the margin, in radians.")
    margin_growth: float = Field(
        0,
        ge=0,
        le=1,
        description="arcface: a class of n photos gets the margin (most / n)^margin_growth times as large, at most "
        "1.2, where most is the number of photos of the largest class; 0: all margins are equal.",
    )
    sub_centres: int = Field(
        1, ge=1, le=10, description="cosine and arcface: directions of each class; the nearest one counts."
    )
    unfreeze: tuple[str | int, ...] = Field(
        (),
        description="The parts of a pretrained network to train after the head, one step each. A layer's name or its "
        "beginning (block5) unfreezes the network from there to its end; a number unfreezes that many last layers; "
        "all unfreezes everything. Empty: its upper part, then all.",
    )
    unfreeze_rate: float = Field(
        0.3,
        gt=0,
        le=1,
        description="Factor of the learning rate from each step of unfreeze to the next, and from the codes to "
        "through_encoder.",
    )
    through_encoder: bool = Field(
        False,
        description="With pretrain.encoder=autoencoder: after train.network has learned from the codes, whether the "
        "encoder, the scaling of its codes and the network learn together from augmented tiles. The classifier then "
        "has an encoder of its own and takes tiles; that of pretrain stays as it is.",
    )
    head_epochs: int = Field(
        40, ge=1, description="Epochs for the head of a pretrained network alone, on its features."
    )
    epochs: int = Field(40, ge=1, description="Largest number of epochs, in each step of unfreeze.")
    patience: int = Field(10, ge=1, description="Stop after this many epochs without a lower validation loss.")
    batch_size: int = Field(32, ge=1, description="Photos per optimizer step.")
    optimizer: Literal["adamw", "rmsprop"] = Field("adamw", description="AdamW or RMSprop.")
    learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="Peak learning rate, between a linear warm-up and a cosine decay."
    )
    weight_decay: float = Field(0.05, ge=0, le=1, description="Decoupled weight decay.")
    label_smoothing: float = Field(
        0, ge=0, lt=1, description="Share of each label that is distributed over all classes."
    )
    ema: float = Field(
        0,
        ge=0,
        lt=1,
        description="Momentum of an exponential moving average of the weights, which is validated and kept, such as "
        "0.99; 0 disables it. It needs validation photos.",
    )
    augment: AugmentConfig = Field(AugmentConfig(), description="Random changes of the train tiles.")
    imbalance: ImbalanceConfig = Field(
        ImbalanceConfig(), description="Compensation for classes with different numbers of photos."
    )
    warm_start: bool = Field(
        False,
        description="Start from the champion's classifier; classes are added and removed as needed.",
    )
    full_retrain_every: int = Field(
        7, ge=1, description="warm_start: every this many trainings, one starts from scratch."
    )
    precision: Precision = Field(
        "auto", description="Precision of computation; auto: 16 bits on GPUs that are faster with it."
    )
    xla: Xla = Field("auto", description="Compile with XLA; auto: on a single GPU.")
    devices: int = Field(0, ge=0, description="Number of GPUs for data-parallel training; 0 = all.")
    seed: Seed = 0

    @field_validator("unfreeze", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str | int) else value

    @field_validator("imbalance", mode="before")
    @classmethod
    def _method_alone(cls, value: object) -> object:
        return {"method": value} if isinstance(value, str) else value
