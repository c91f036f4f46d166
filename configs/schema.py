"""Every knob of fluke on one page: one frozen section for each stage.

A stage is given its own section and nothing else, so a knob can only invalidate the stage that it belongs to
and those below. `fluke config PRESET` prints a resolved config with these descriptions.
"""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

StageName = Literal["crawl", "filter", "preprocess", "pretrain", "extract", "train", "evaluate"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31, description="Seed of this stage's random numbers.")]


class Section(BaseModel):
    """A frozen group of knobs; a misspelt one is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class CrawlConfig(Section):
    """Where the photos come from."""

    source: str = Field("folder", description="The module in tasks/sources: folder, csv, gallery.")
    path: Path | None = Field(
        None,
        description="folder: a folder with one sub-folder of photos per class; csv: a file with columns Image,Id.",
    )
    images: Path | None = Field(
        None,
        description="csv: the folder that the Image column is relative to; by default the CSV's own folder.",
    )
    keywords: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Search engines: what to search for, per class."
    )
    per_class: int | None = Field(None, ge=1, description="At most so many photos of each class; null: all.")
    threads: int = Field(8, ge=1, le=64, description="Downloads under way at once.")
    timeout_s: float = Field(10, gt=0, le=300, description="Seconds without an answer before a download is retried.")
    retries: int = Field(2, ge=0, le=10, description="How often a failed download is tried again.")
    port: int = Field(8765, ge=1024, le=65535, description="gallery: the loopback port of the demo's own photo site.")


class FilterConfig(Section):
    """Which photos are kept, and how they are split."""

    min_side_px: int = Field(32, ge=1, description="Photos with a shorter side than this are rejected.")
    duplicate_bits: int = Field(
        10,
        ge=0,
        le=64,
        description="Photos whose 256-bit perceptual hashes differ in at most so many bits are near duplicates.",
    )
    drop_near_duplicates: bool = Field(
        True,
        description="Keep only the largest of a group of near duplicates; false keeps them, as one group in one split.",
    )
    val_fraction: Fraction = Field(0.15, description="Share of each class for validation.")
    test_fraction: Fraction = Field(0.2, description="Share of each class for the test.")
    seed: Seed = 0

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> "FilterConfig":
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError("val_fraction + test_fraction must be below 1, to leave photos to train on")
        return self


class PreprocessConfig(Section):
    """How a photo becomes a tile."""

    side_px: int = Field(64, ge=8, le=1024, description="Side of the square tiles.")
    colour: Literal["grey", "rgb"] = Field("rgb", description="Tiles with one channel or with three.")
    crop: tuple[Fraction, Fraction, Fraction, Fraction] = Field(
        (0.0, 0.0, 1.0, 1.0),
        description="Left, top, right, bottom of the part to keep, as fractions of the photo.",
    )
    pad_value: int = Field(0, ge=0, le=255, description="Grey level of the bars that make a photo square.")

    @model_validator(mode="after")
    def _crop_is_a_box(self) -> "PreprocessConfig":
        left, top, right, bottom = self.crop
        if left >= right or top >= bottom:
            raise ValueError("crop must be left, top, right, bottom with left < right and top < bottom")
        return self


class PretrainConfig(Section):
    """The convolutional autoencoder whose encoder makes the features."""

    filters: tuple[int, ...] = Field(
        (32, 64, 64), min_length=1, max_length=6, description="Filters of each halving of the tile's side."
    )
    code_channels: int = Field(16, ge=1, le=512, description="Channels of the code.")
    epochs: int = Field(15, ge=1, description="Passes over the train tiles.")
    batch_size: int = Field(32, ge=1, description="Tiles per step.")
    learning_rate: float = Field(
        3e-3, gt=0, le=0.1, description="Peak rate of Adam, after a warm-up, before a cosine decay."
    )
    refresh_growth: float = Field(
        0.2,
        ge=0,
        description="The encoder is kept until the train set has changed by this share since it was trained.",
    )
    seed: Seed = 0


class ExtractConfig(Section):
    """How features are computed from tiles."""

    batch_size: int = Field(256, ge=2, description="Tiles per call of the encoder.")


class TrainConfig(Section):
    """The classifier and how it is trained."""

    input: Literal["features", "tiles"] = Field(
        "features",
        description="Train on the autoencoder's features, or on the tiles (skips pretrain and extract).",
    )
    network: str = Field("convnet", description="The module in tasks/networks/backbones.")
    filters: tuple[int, ...] = Field(
        (64, 128, 128), min_length=1, max_length=8, description="convnet: filters of each block."
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout before the last layer.")
    epochs: int = Field(40, ge=1, description="Passes over the train photos at most.")
    patience: int = Field(10, ge=1, description="Stop after so many epochs without a lower validation loss.")
    batch_size: int = Field(32, ge=1, description="Photos per step.")
    learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="Peak rate of AdamW, after a warm-up, before a cosine decay."
    )
    weight_decay: float = Field(0.05, ge=0, le=1, description="AdamW's weight decay.")
    class_weight: Literal["none", "balanced", "sqrt"] = Field(
        "balanced",
        description="Weight of a class's photos: equal, 1/count, or 1/sqrt(count); capped, then mean 1.",
    )
    class_weight_cap: float = Field(
        10, ge=1, description="The heaviest photo's weight is at most so many times the lightest's."
    )
    seed: Seed = 0


class EvaluateConfig(Section):
    """What is measured on the test split, and what the report shows."""

    top_k: int = Field(5, ge=1, le=20, description="Names per photo in submission.csv, and k of top-k accuracy.")
    bootstrap: int = Field(1000, ge=100, description="Resamples behind each 95 % interval.")
    gallery: int = Field(24, ge=0, le=200, description="Photos in each of the report's galleries.")
    seed: Seed = 0


class WorkersConfig(Section):
    """How the work inside a stage is spread; never changes a result, so never part of a key."""

    threads: int = Field(0, ge=0, le=256, description="Threads per stage; 0: one per core.")


class Config(Section):
    """Everything that a run needs to know."""

    crawl: CrawlConfig = CrawlConfig()
    filter: FilterConfig = FilterConfig()
    preprocess: PreprocessConfig = PreprocessConfig()
    pretrain: PretrainConfig = PretrainConfig()
    extract: ExtractConfig = ExtractConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    workers: WorkersConfig = WorkersConfig()
