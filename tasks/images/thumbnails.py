"""Small images for a page; they are encoded again, so that the page gets no metadata of the files."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.images import photo_files, photos
from tasks.images.memory import PhotoTooLargeError

_LOSSLESS_PX = 48


def png_uri(data: bytes) -> str:
    """Return the bytes of a PNG as a data URI."""
    return data_uri("image/png", data)


def data_uri(media_type: str, data: bytes) -> str:
    """Return the bytes of an image as a data URI."""
    return f"data:{media_type};base64,{b64encode(data).decode()}"


def encode(pixels: NDArray[np.uint8], side_px: int) -> tuple[str, bytes]:
    """Encode a thumbnail: PNG up to 48 px, otherwise JPEG.

    Args:
        pixels: The image, `(h, w, 1 or 3)`.
        side_px: Longest side of the thumbnail.

    Returns:
        Its media type and its bytes.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    file = BytesIO()
    if max(image.size) <= _LOSSLESS_PX:
        image.save(file, format="PNG", optimize=True)
        return "image/png", file.getvalue()
    image.save(file, format="JPEG", quality=85, optimize=True)
    return "image/jpeg", file.getvalue()


def of_pixels(pixels: NDArray[np.uint8], side_px: int = 128) -> str:
    """Return a thumbnail of pixels `(h, w, 1 or 3)` as a data URI; its longest side is at most `side_px`."""
    media_type, data = encode(pixels, side_px)
    return data_uri(media_type, data)


def of_file(path: Path, side_px: int = 128) -> str | None:
    """Return a thumbnail of a photo as a data URI, or None if the file is missing or can't be decoded."""
    try:
        return photos.decode_to(lambda pixels: of_pixels(pixels, side_px), photo_files.read(path), at_least_px=side_px)
    except (OSError, ValueError, PhotoTooLargeError):
        return None
