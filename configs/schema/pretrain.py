"""Settings of the encoder: a pretrained network, or an autoencoder that is trained here."""

from typing import Literal

from pydantic import Field

from configs.schema.augment import GeometryConfig
from configs.schema.section import Filters, Fraction, Precision, Section, Seed, UserPath, Xla


class PretrainConfig(Section):
    """The encoder that computes the features: a pretrained network, or an autoencoder that is trained here."""

    encoder: str = Field(
        "efficientnet_lite0",
        min_length=1,
        description="A network with pretrained weights (docs/networks.md lists them), or hub:NAME or hub:FOLDER for a "
        "preset of KerasHub; several networks may be joined by +, to put their features side by side. autoencoder: a "
        "convolutional autoencoder, trained on the train tiles. none: no features; "
        "train.network learns from scratch on tiles.",
    )
    weights: Literal["auto", "imagenet"] | UserPath = Field(
        "auto",
        description="Weights of a pretrained network. auto: those that are installed with fluke, if there are, else "
        "imagenet. imagenet: downloaded by keras.applications. Or a Keras model file of the same network.",
    )
    pooling: Literal["mean", "root", "gem", "flatten"] = Field(
        "mean",
        description="How a pretrained network's last feature map becomes a vector. mean: the mean of each channel. "
        "root: its square root, and all vectors get the same length; better for individuals. gem: the generalised mean "
        "with exponent 3, which weighs strong responses more. flatten: all values of the map, as in the head of VGG; "
        "they are many, so take a small preprocess.side_px.",
    )
    texture: bool = Field(
        True,
        description="Whether the features also hold what two maps in the middle of a network say of texture and "
        "material (EfficientNet-Lite only). Logistic regression uses them where they lower the validation loss.",
    )
    architecture: Literal["strided", "pooled"] = Field(
        "strided",
        description="autoencoder: strided: convolutions with stride 2, and a linear path beside them. pooled: the "
        "whale write-up's network, pairs of convolutions with batch normalisation, and max-pooling.",
    )
    filters: tuple[Filters, ...] | None = Field(
        None,
        min_length=1,
        max_length=6,
        description="autoencoder: filters of each level; a level halves the side. null: [32, 64, 64] for strided, "
        "[16, 8] for pooled.",
    )
    code_channels: int | None = Field(
        None, ge=1, le=512, description="autoencoder: channels of the code. null: 16 for strided, 3 for pooled."
    )
    epochs: int = Field(
        15,
        ge=0,
        description="autoencoder: epochs over the train tiles. 0 leaves it untrained, to compare with.",
    )
    batch_size: int = Field(32, ge=1, description="autoencoder: tiles per optimizer step.")
    learning_rate: float = Field(
        3e-3,
        gt=0,
        le=0.1,
        description="autoencoder: peak learning rate of Adam, between a linear warm-up and a cosine decay.",
    )
    patience: int = Field(
        10, ge=1, description="autoencoder: stop after this many epochs without a lower error on other tiles."
    )
    augment: GeometryConfig = Field(
        GeometryConfig(),
        description="autoencoder: random changes of its train tiles, input and target alike. The write-up has flips, "
        "rotate_deg 15 and shift 0.15.",
    )
    noise: Fraction = Field(
        0,
        description="autoencoder: standard deviation of noise that is added to the input only, as a share of full "
        "brightness, such as 0.05.",
    )
    mask: float = Field(
        0,
        ge=0,
        lt=1,
        description="autoencoder: share of the input that is hidden, in cells of a 14th of the side; the target shows "
        "it all.",
    )
    precision: Precision = Field("auto", description="autoencoder: precision of its training, as train.precision.")
    xla: Xla = Field("auto", description="autoencoder: compile its training with XLA, as train.xla.")
    devices: int = Field(0, ge=0, description="autoencoder: number of GPUs for its training, as train.devices.")
    refresh_growth: float = Field(
        0.2,
        ge=0,
        description="autoencoder: train a new one when more than this share of the train photos was added or removed.",
    )
    seed: Seed = 0

    @property
    def kind(self) -> Literal["network", "autoencoder", "none"]:
        """The kind of the encoder: a pretrained network, an autoencoder, or none."""
        if self.encoder == "autoencoder":
            return "autoencoder"
        return "none" if self.encoder == "none" else "network"

    @property
    def layer_filters(self) -> tuple[int, ...]:
        """The autoencoder's filters of each level."""
        return self.filters or ((16, 8) if self.architecture == "pooled" else (32, 64, 64))

    @property
    def channels_of_code(self) -> int:
        """The channels of the autoencoder's code."""
        return self.code_channels or (3 if self.architecture == "pooled" else 16)
