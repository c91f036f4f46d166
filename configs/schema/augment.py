"""Random changes of tiles and codes, which several stages can make."""

from typing import Literal

from pydantic import Field

from configs.schema.section import Fraction, Section


class GeometryConfig(Section):
    """Random changes of where pixels are: one affine map for each tile, or for each code."""

    flip: Literal["none", "horizontal", "vertical", "both"] = Field(
        "horizontal", description="Mirror half of the tiles."
    )
    rotate_deg: float = Field(10, ge=0, le=180, description="Largest rotation in either direction, in degrees.")
    shift: Fraction = Field(0.1, description="Largest shift, as a share of the side.")
    zoom: float = Field(0.1, ge=0, lt=1, description="Largest zoom in or out, as a share of the size.")
    shear_deg: float = Field(0, ge=0, le=60, description="Largest shear, in degrees.")
    fill: Literal["nearest", "reflect", "constant"] = Field(
        "nearest",
        description="How to fill pixels outside the image: nearest, reflect, or constant (black; 0 in codes).",
    )


class AugmentConfig(GeometryConfig):
    """Random changes of tiles or codes."""

    rand_augment: int = Field(
        0, ge=0, le=8, description="Number of RandAugment operations for each tile; 0 disables it."
    )
    magnitude: Fraction = Field(0.3, description="Strength of the RandAugment operations.")
    mixup: float = Field(
        0, ge=0, le=10, description="MixUp: blend pairs of photos by shares from Beta(mixup, mixup); 0 disables it."
    )
    cutmix: float = Field(
        0,
        ge=0,
        le=10,
        description="CutMix: paste boxes between pairs of photos, areas from Beta(cutmix, cutmix); 0 disables it.",
    )
