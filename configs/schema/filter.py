"""Settings of the filter: which photos are kept, and which split they are in."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from configs.schema.section import Fraction, Section, Seed, UserPath


class FilterConfig(Section):
    """Which photos are kept, and which split they are in."""

    min_side_px: int | None = Field(
        32,
        ge=1,
        description="Reject photos with a shorter side below this; null disables the check, as for all thresholds.",
    )
    min_aspect: float | None = Field(
        0.35, ge=0, le=1, description="Reject photos whose shorter side, divided by the longer one, is below this."
    )
    dark_level: int | None = Field(
        60, ge=0, le=255, description="Reject photos as too dark if 99 % of their pixels are below this grey level."
    )
    light_level: int | None = Field(
        220, ge=0, le=255, description="Reject photos as too light if 95 % of their pixels are above this grey level."
    )
    min_contrast: int | None = Field(
        16,
        ge=0,
        le=255,
        description="Reject photos as uniform if fewer grey levels than this separate their darkest and brightest 1 %.",
    )
    min_sharpness: float | None = Field(
        0.07,
        ge=0,
        description="Reject photos as blurred whose detail divided by contrast is below this; sharp ones: 0.1 to 2.",
    )
    faces: tuple[int, int] | None = Field(
        None, description="Reject photos with fewer or more faces than [least, most]; null disables the check."
    )
    face_model: UserPath | None = Field(
        None,
        description="ONNX file of a YuNet model that finds faces; null uses MediaPipe's BlazeFace.",
    )
    label_issues: int = Field(
        0,
        ge=0,
        description="How many photos to list for review as outliers of their class, and how many as probably wrong "
        "labels; 0 disables the search.",
    )
    max_outlier: float | None = Field(
        None,
        ge=0,
        description="Reject train photos that are outliers with a score above this; 1 in 100 to 1,000 photos has more "
        "than 4. Those of validation and test stay, and are listed for review.",
    )
    max_label_doubt: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Reject train photos whose label is wrong with a probability above this; 0.9 suits a good "
        "embedding. Those of validation and test stay, and are listed for review.",
    )
    embedding: UserPath | None = Field(
        None,
        description="Keras model of RGB photos whose output finds label issues; null uses edges, patterns and colours.",
    )
    embedding_scale: Literal["caffe", "tf", "torch"] | tuple[float, float] | None = Field(
        None,
        description="How the embedding scales pixels; [a, b] means (pixel - a) / b; null: as the model file says.",
    )
    max_rejected: Fraction = Field(
        1 / 3,
        description="If a check would reject more than this share of a class or of all photos, it rejects none of "
        "them: they are kept as doubtful, with a warning, for `fluke review`. 1 switches this off.",
    )
    duplicate_bits: int | None = Field(
        32,
        ge=0,
        le=64,
        description="Photos are near duplicates if their colours are similar and their 256-bit perceptual hashes, or "
        "those of one photo and a mild crop of the other, differ in at most this many bits; null: no photo is a near "
        "duplicate of another one.",
    )
    mirrored: bool = Field(True, description="Whether mirror images count as near duplicates.")
    drop_near_duplicates: bool = Field(
        True,
        description="Keep only the largest photo of a group of near duplicates; false keeps all, in one split.",
    )
    drop_duplicates: bool = Field(True, description="Keep only one copy of the same file in a class.")
    drop_contradictions: bool = Field(
        True,
        description="Reject photos that are in two classes, themselves or as near duplicates, because either label may "
        "be wrong; false keeps them in both classes, in one split.",
    )
    group_pages: bool = Field(True, description="Put all photos of a web page in one split.")
    group_pattern: str | None = Field(
        None,
        description="Regular expression for names: photos with the same match (of its first group, if it has one) are "
        "in one split. Example for bursts: `^(.*)_\\\\d+`.",
    )
    burst_s: float | None = Field(
        None,
        ge=0,
        description="Put photos in one split that one camera took within this many seconds of each other, according "
        "to their EXIF data; null: don't compare times.",
    )
    test_list: UserPath | None = Field(
        None, description="CSV with a column photo (SHA-256) or name; the listed photos are always in the test."
    )
    unseen_classes: Fraction | tuple[str, ...] = Field(
        0.0,
        description="Classes that are never trained on, to tune and test evaluate.unknown: their share of all classes "
        "(drawn by name, half for validation, half for the test), or their names, such as [new_whale].",
    )
    val_fraction: Fraction = Field(0.15, description="Share of each class's photos for validation.")
    test_fraction: Fraction = Field(0.2, description="Share of each class's photos for the test.")
    memory: str | None = Field(
        None,
        min_length=1,
        description="Name of the memory that keeps each photo in its split; presets with the same name share it; null: "
        "the model's name.",
    )
    seed: Seed = 0

    @field_validator("unseen_classes", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("group_pattern")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a valid regular expression: {error}") from error
        return value

    @field_validator("faces")
    @classmethod
    def _is_a_range(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value and not 0 <= value[0] <= value[1]:
            raise ValueError("must be [least, most] with 0 <= least <= most, such as [1, 1] for exactly one face")
        return value

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> "FilterConfig":
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError("val_fraction + test_fraction must be below 1, so that photos are left to train on")
        return self
