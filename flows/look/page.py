"""The page of `fluke look`: the photo, the answers, and all grids of its folder."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.images import thumbnails
from tasks.templates import template

if TYPE_CHECKING:
    from flows.look.look import Seen


def html(seen: "Seen", tile: NDArray[np.uint8], summary: str) -> str:
    """Write the page, without scripts; all text is escaped, and the pictures are the files beside it.

    Args:
        seen: What was found.
        tile: The photo as the network gets it, `(side, side, 1 or 3)`.
        summary: The network's summary.
    """
    return template(Path(__file__).with_name("page.html.jinja")).render(
        seen=seen, tile=thumbnails.of_pixels(tile, side_px=256), summary=summary
    )
