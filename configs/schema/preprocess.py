"""Settings of the preprocessing: how photos are turned into tiles."""

from typing import Literal

from pydantic import Field, model_validator

from configs.schema.section import Fraction, Section


class PreprocessConfig(Section):
    """How photos are turned into tiles."""

    side_px: int = Field(224, ge=8, le=1024, description="Side of the square tiles, px.")
    colour: Literal["grey", "rgb"] = Field("rgb", description="Channels of the tiles: one (grey) or three (rgb).")
    crop: tuple[Fraction, Fraction, Fraction, Fraction] = Field(
        (0.0, 0.0, 1.0, 1.0),
        description="Part of each photo to keep: left, top, right and bottom as fractions of its size.",
    )
    fit: Literal["pad", "stretch", "cut"] = Field(
        "pad",
        description="How the kept part of a photo becomes a square. pad: whole, with bars at two sides; stretch: "
        "whole, with another aspect ratio; cut: only the square in its centre.",
    )
    pad_value: int = Field(0, ge=0, le=255, description="fit=pad: grey level of the bars.")
    levels: Literal["photo", "min_max"] = Field(
        "photo",
        description="Grey levels of a tile. photo: as in the photo; min_max: stretched so that the darkest value of "
        "each channel in the photo becomes 0, and the brightest one 255 (bars stay as they are).",
    )

    @model_validator(mode="after")
    def _crop_is_a_box(self) -> "PreprocessConfig":
        left, top, right, bottom = self.crop
        if left >= right or top >= bottom:
            raise ValueError("crop must be left, top, right, bottom with left < right and top < bottom")
        return self
