"""Write lines of text above a picture, and draw the scale of a heat map beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_LEAST_PX, _MOST_PX = 14, 96
"""Heights of letters."""
_SHARE = 28
"""A letter is as high as one of so many parts of the picture's longer side, within these limits."""
_PAPER, _INK = 255, (28, 35, 48)
_ENDS = "high", "low"


def caption(
    pixels: NDArray[np.uint8],
    lines: Sequence[tuple[str, Path]],
    scale: NDArray[np.uint8] | None = None,
    *,
    plain: Path,
) -> NDArray[np.uint8]:
    """Write lines above a picture; the picture becomes higher, and wider if a line or the scale needs it.

    Args:
        pixels: The picture, RGB `(h, w, 3)`.
        lines: The text of each line, and the file of a font that has its characters.
        scale: Colours from the highest value to the lowest, RGB `(n, 3)`, drawn to the right of the picture.
        plain: The font of the scale's words.

    Returns:
        RGB `(h', w', 3)`; the picture's own pixels are unchanged, at the left, below the lines.
    """
    height, width = pixels.shape[:2]
    letter = int(np.clip(max(height, width) / _SHARE, _LEAST_PX, _MOST_PX))
    gap = letter // 3
    fonts = [ImageFont.truetype(str(font), letter) for _, font in lines]
    small = ImageFont.truetype(str(plain), max(_LEAST_PX - 3, int(0.7 * letter)))
    beside = 0 if scale is None else letter + 3 * gap + int(max(small.getlength(word) for word in _ENDS))
    longest = max((font.getlength(text) for font, (text, _) in zip(fonts, lines, strict=True)), default=0)
    above = len(lines) * (letter + gap) + gap if lines else 0
    wide, high = max(width + beside, int(longest) + 2 * gap + 1), above + max(height, 3 * letter if beside else 0)
    page = np.full((high, wide, 3), _PAPER, np.uint8)
    page[above : above + height, :width] = pixels
    if scale is not None:
        rows = scale[np.linspace(0, len(scale) - 1, high - above).round().astype(int)]
        page[above:, width + gap : width + gap + letter] = rows[:, None]
    image = Image.fromarray(page)
    pen = ImageDraw.Draw(image)
    for place, (font, (text, _)) in enumerate(zip(fonts, lines, strict=True)):
        pen.text((gap, gap // 2 + place * (letter + gap)), text, fill=_INK, font=font)
    if scale is not None:
        left = width + letter + 2 * gap
        pen.text((left, above), _ENDS[0], fill=_INK, font=small, anchor="lt")
        pen.text((left, high - 1), _ENDS[1], fill=_INK, font=small, anchor="lb")
    return np.asarray(image, np.uint8)
