"""Check photos and decode them: from the bytes of a file to pixels."""

import warnings
from collections.abc import Callable
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.images import depth, formats, memory
from tasks.images.draft import draft
from tasks.images.formats import extension
from tasks.images.memory import MemoryBudget, PhotoTooLargeError
from tasks.images.rgb import upright_pixels

Value = TypeVar("Value", bound=np.generic)
Output = TypeVar("Output")

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = formats.EXTENSIONS
_FORMATS = {
    "jpg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "bmp": "BMP",
    "webp": "WEBP",
    "tif": "TIFF",
    "avif": "AVIF",
}
"""Pillow's name of each format that it decodes. Others are refused, because decoding them can run programs: Pillow runs
Ghostscript for EPS."""
MOST_PX = 500e6
"""Photos with more pixels are never decoded. The setting `crawl.max_photo_mpx` is a lower limit."""
TOO_MANY_PIXELS = "too many pixels"
TOO_MANY_SCANS = "too many scans"
PROBLEMS = (
    "unreadable",
    "truncated",
    TOO_MANY_PIXELS,
    "not a photo",
    *("empty file", "web page", "Git LFS pointer", "git-annex pointer", "cloud placeholder"),
)
"""All reasons why a photo can't be decoded, up to 20 ASCII characters each."""
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # about EXIF data that we don't read
_DRAFT_PX = 64
_BUDGET = MemoryBudget(memory.decoding_limit(memory.memory_limit()))
"""What all threads together may use: a WebP file of 34 bytes can need more than 1 GB."""
_MOST_BYTES = memory.photo_limit(memory.memory_limit())
"""What a photo may use that needs more than that and is decoded alone."""
_MOST_SCANS = 100
"""Most scans of a JPEG. About 10 are usual; a scan of a few bytes can make the decoder process all pixels again."""


def size_px(data: bytes) -> tuple[int, int]:
    """Read width and height of a photo from its header.

    Raises:
        ValueError: The reason, one of PROBLEMS.
    """
    return _header(data)[0]


def check_memory(data: bytes) -> None:
    """Check that this machine has the memory to decode a photo, a JPEG at a fraction of its size; it isn't decoded.

    Raises:
        PhotoTooLargeError: It has not.
        ValueError: The reason why it can't be decoded, one of PROBLEMS.
    """
    size, image = _header(data)
    draft(image, _DRAFT_PX)
    _bytes_needed(data, image, size)


def check(data: bytes, *, most_px: float) -> tuple[int, int]:
    """Check that a downloaded photo can be decoded completely, as cheaply as possible.

    Args:
        data: The bytes of the photo.
        most_px: The largest number of pixels to accept.

    Returns:
        Width and height.

    Raises:
        ValueError: The reason: `not a picture`, `unreadable` or `truncated`; `too many pixels` and `too many scans` are
            found without decoding it.
        MemoryError: There isn't enough memory; PhotoTooLargeError if that depends on the photo.
    """
    (width, height), image = _checked_header(data, most_px)
    opened = draft(image, _DRAFT_PX)
    with _BUDGET.use(needed := _bytes_needed(data, image, (width, height))):
        del image
        _load(opened, data, needed)
    return width, height


def check_header(data: bytes, *, most_px: float) -> tuple[int, int]:
    """Check a photo as far as that is possible without decoding it, see `check`: returns its width and height."""
    return _checked_header(data, most_px)[0]


def _checked_header(data: bytes, most_px: float) -> "tuple[tuple[int, int], Image | None]":
    """Read a header, and refuse what would take too long, or too much memory, to decode; raises ValueError."""
    try:
        (width, height), image = _header(data)
    except ValueError as error:
        raise ValueError(TOO_MANY_PIXELS if str(error) == TOO_MANY_PIXELS else "not a picture") from error
    if width * height > most_px:
        raise ValueError(TOO_MANY_PIXELS)
    if extension(data) == "jpg" and next(islice(formats.jpeg_scans(data), _MOST_SCANS, None), None) is not None:
        raise ValueError(TOO_MANY_SCANS)
    return (width, height), image


def decode(data: bytes, *, at_least_px: int | None = None) -> NDArray[np.uint8]:
    """Decode a photo to RGB pixels `(h, w, 3)`; see `decode_to`, which is better where many photos are decoded."""
    return decode_to(lambda pixels: pixels, data, at_least_px=at_least_px)


def decode_to(
    function: Callable[[NDArray[np.uint8]], Output],
    data: bytes,
    *,
    at_least_px: int | None = None,
    longer_side: bool = False,
    grey: bool = False,
    more_bytes: int = 0,
) -> Output:
    """Decode a photo to RGB pixels, rotated as its EXIF or XMP data says, and return what a function makes of them.

    Transparent parts become white; of an animation or of several pages, the first is taken. More than 8 bits per sample
    are scaled to 8, see `tasks.images.value_range`.

    All threads together only use so much memory (see `tasks.images.memory`): others wait until the function has
    returned and the pixels are freed.

    Args:
        function: Takes pixels `(h, w, 3)` and returns something smaller. It must not decode another photo.
        data: The bytes of the photo.
        at_least_px: If given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is several times faster, as
            long as no side becomes shorter than this.
        longer_side: Whether only the longer side must not become shorter than this.
        grey: Whether the function takes grey pixels `(h, w, 1)`, too: it then gets them of grey photos, and of JPEGs,
            of which only luma is decoded. It is that of the RGB pixels but for rounding and colours outside of RGB.
        more_bytes: Memory that the function needs besides the pixels; 0 if it is less than decoding needs.

    Raises:
        ValueError: The reason, one of PROBLEMS.
        MemoryError: There isn't enough memory; only a PhotoTooLargeError says something about the photo.
    """
    size, image = _header(data)
    opened = draft(image, at_least_px, longer_side=longer_side, grey=grey)
    needed = _bytes_needed(data, image, size, more_bytes)
    del image  # no variable may keep it longer than the budget does: `_load` takes it out of the list
    with _BUDGET.use(needed):
        return function(_pixels(opened, data, needed, grey=grey))


def shrink(pixels: NDArray[Value], longest_px: int) -> NDArray[Value]:
    """Shrink an image by area interpolation; a smaller image is returned unchanged.

    Args:
        pixels: The image, `(h, w)` or `(h, w, c)`.
        longest_px: The largest length of its longer side.

    Returns:
        The image with the same number of dimensions.
    """
    import cv2

    height, width = pixels.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return pixels
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    small = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), pixels.dtype)
    return small.reshape(height, width, *pixels.shape[2:])


def _header(data: bytes) -> tuple[tuple[int, int], "Image | None"]:
    """Read width and height, and open the photo unless that already needs memory for its pixels."""
    image = None
    size = formats.webp_size_px(data) if extension(data) == "webp" else None
    if size is None:
        try:
            image = _open(data)
            size = image.size
        except ValueError:
            size = depth.scientific_size_px(data)
            if size is None:
                raise
    if size[0] * size[1] > MOST_PX:
        raise ValueError(TOO_MANY_PIXELS)
    return size, image


def _bytes_needed(data: bytes, image: "Image | None", size: tuple[int, int], more_bytes: int = 0) -> int:
    """Estimate the memory for a photo, see `decode_to`; raises PhotoTooLargeError if this machine has less."""
    width, height = image.size if image else size
    needed = max(memory.bytes_needed(data, image, size), 3 * width * height + more_bytes)
    if needed > _MOST_BYTES:
        raise PhotoTooLargeError(_MOST_BYTES)
    return needed


def _open(data: bytes, needed: int = 0) -> "Image":
    """Open a photo; `needed` is the memory that this takes, which is only that for its pixels if it is a WebP."""
    from PIL import Image, UnidentifiedImageError

    kind = extension(data)
    if kind == formats.UNKNOWN:
        foreign = formats.foreign(data)
        raise ValueError(foreign.reason if foreign else "unreadable")
    # Pillow's own limit also concerns the tiles of a TIFF and the frames of a GIF.
    Image.MAX_IMAGE_PIXELS = int(MOST_PX)
    try:
        if kind == "heic":
            from pi_heif import HeifImageFile

            image: Image.Image = HeifImageFile(BytesIO(data))
            return image
        try:
            return Image.open(BytesIO(data), formats=(_FORMATS[kind],))
        except UnidentifiedImageError:
            if needed and depth.scientific_size_px(data):
                return depth.scientific_image(data)
            raise
    except Image.DecompressionBombError as error:
        raise ValueError(TOO_MANY_PIXELS) from error
    except Exception as error:
        raise _failure(error, needed) from error


def _load(opened: "list[Image | None]", data: bytes, needed: int) -> "Image":
    """Decode the image in a list, and take it out of the list; the caller holds `needed` bytes of the budget."""
    image = opened.pop() or _open(data, needed)
    try:
        image.load()
    except Exception as error:  # Pillow's decoders raise errors of many types for damaged files
        raise _failure(error, needed) from error
    return image


def _pixels(opened: "list[Image | None]", data: bytes, needed: int, *, grey: bool) -> NDArray[np.uint8]:
    """Decode the image in a list to upright pixels, see `decode_to`; the other arguments are those of `_load`."""
    image = _load(opened, data, needed)
    try:
        return upright_pixels(image, data, grey=grey)
    except Exception as error:
        raise _failure(error, needed) from error


def _failure(error: Exception, needed: int) -> Exception:
    """Return the exception for a failed decoding: ValueError with the reason, or what isn't the fault of the photo.

    Some decoders don't say that the memory was too small; so try whether it can be reserved at all.
    """
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        return MemoryError("not enough memory to decode a photo")
    if isinstance(error, OSError) and error.errno is not None:
        return error
    try:
        np.empty(needed, np.uint8)
    except MemoryError as short:
        return short
    if isinstance(error, ValueError) and str(error) in PROBLEMS:
        return error
    return ValueError("truncated" if "truncated" in str(error) else "unreadable")
