"""Decode no more of a JPEG than is needed: a fraction of its size, or only its luma."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_FRACTIONS = (8, 4, 2)
"""libjpeg can decode 1/8, 1/4 and 1/2 of the size, which leaves out most of the inverse cosine transform."""
_ONE_PIECE = 1 << 24
"""Bytes that Pillow gives to the decoder at a time. In pieces of 64 KiB, decoding takes 5 % longer."""


def draft(
    image: "Image | None", at_least_px: int | None, *, longer_side: bool = False, grey: bool = False
) -> "list[Image | None]":
    """Set the size and the channels at which a JPEG will be decoded; other images are left as they are.

    Args:
        image: The opened image, which is not loaded yet.
        at_least_px: The fraction is the smallest at which no side becomes shorter than this; None: the full size.
        longer_side: Whether only the longer side must not become shorter.
        grey: Whether to decode luma only, if the file has three channels.

    Returns:
        A list with the image, so that the function that loads it can take it out.
    """
    if image and image.format in ("JPEG", "MPO"):
        image.decodermaxblock = _ONE_PIECE  # type: ignore[attr-defined]
        side = (max if longer_side else min)(image.size)
        ratio = side // at_least_px if at_least_px else 1
        fraction = next((fraction for fraction in _FRACTIONS if fraction <= ratio), 1)
        width, height = image.size
        image.draft("L" if grey else "RGB", (max(1, width // fraction), max(1, height // fraction)))
    return [image]
