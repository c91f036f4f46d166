"""The photos of the demo's site: scanned digits on paper, with planted defects that the filter must find.

The scans are scikit-learn's copy of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998
(1,797 digits of 8x8 pixels, CC BY 4.0). Each is enlarged smoothly and put on paper with a random grain. Without the
grain, enlarged digits have no fine detail, and the finer half of their perceptual hashes would be random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
"""Increased whenever the photos change."""
LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LICENCE = "CC BY 4.0"
SIDE_PX = 64
_MAX_PHOTOS, _MIN_PHOTOS = 174, 60
"""Number of photos of the first and of the last class."""
_PAPER, _INK, _GRAIN = 222, 190, 6
"""Grey level of the paper (0 to 255), how much darker the ink is, and the standard deviation of the grain."""
_SEED = 20240


@dataclass(frozen=True)
class PlantedDefect:
    """A photo with a defect, planted among the photos."""

    kind: str
    """The reason for which the filter should reject it, or the photo that it duplicates."""
    name: str
    """The last part of its URL's path."""
    label: str
    """The class that shows it."""
    duplicate_of: str | None = None
    """The name of the photo that it was made from."""


@dataclass(frozen=True)
class PhotoSet:
    """All photos of the site."""

    photos: dict[str, bytes]
    """Encoded photos by name."""
    shown: dict[str, list[str]]
    """Per class: the names of its photos, in the order in which the site shows them."""
    defects: tuple[PlantedDefect, ...]


def planted_defects() -> tuple[PlantedDefect, ...]:
    """Return all planted defects."""
    return photo_set().defects


@cache
def photo_set() -> PhotoSet:
    """Create the photos; the same ones each time."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    random = np.random.default_rng(_SEED)
    made = PhotoSet({}, {label: [] for label in LABELS}, ())
    counts = np.linspace(_MAX_PHOTOS, _MIN_PHOTOS, len(LABELS)).astype(int)
    for digit, (label, count) in enumerate(zip(LABELS, counts, strict=True)):
        for number, scan in enumerate(digits.images[digits.target == digit][:count]):
            kind = "PNG" if number % 3 == 0 else "JPEG"
            _show(made, label, encoded(enlarged(scan, random), kind))
    return PhotoSet(made.photos, made.shown, tuple(_plant_defects(made, digits.images, random)))


def enlarged(scan: NDArray[np.float64], random: np.random.Generator) -> "Image.Image":
    """Enlarge a scan to a grey image on grainy paper.

    Args:
        scan: `(8, 8)`, from 0 (paper) to 16 (ink).
        random: decides the grain.

    Returns:
        An image of SIDE_PX x SIDE_PX pixels.
    """
    grain = _resized(random.standard_normal((16, 16)))
    return _grey_image(_PAPER - _INK / 16 * _resized(scan) + _GRAIN * grain)


def encoded(image: "Image.Image", kind: str, quality: int = 90) -> bytes:
    """Encode an image as PNG or JPEG."""
    data = BytesIO()
    image.save(data, kind, quality=quality)
    return data.getvalue()


def _plant_defects(made: PhotoSet, scans: NDArray[np.float64], random: np.random.Generator) -> list[PlantedDefect]:
    """Add photos with defects to the set, and return their list."""
    import PIL.Image

    found: list[PlantedDefect] = []

    def plant(kind: str, label: str, data: bytes, duplicate_of: str | None = None) -> None:
        found.append(PlantedDefect(kind, _show(made, label, data, random), label, duplicate_of))

    def original(label: str, number: int) -> tuple[str, bytes, "Image.Image"]:
        name = f"{label}-{number:03}.{'png' if number % 3 == 0 else 'jpg'}"
        data = made.photos[name]
        return name, data, PIL.Image.open(BytesIO(data))

    for number, label in enumerate(LABELS):
        duplicate_of, data, _ = original(label, 2 + number)
        plant("duplicate", label, data, duplicate_of)
        duplicate_of, _, image = original(label, 20 + number)
        near = (
            encoded(image, "JPEG", quality=75),
            encoded(image.resize((60, 60), PIL.Image.Resampling.LANCZOS), "JPEG"),
            encoded(image.point(lambda grey: min(255, grey + 8)), "JPEG"),
        )
        plant("near duplicate", label, near[number % 3], duplicate_of)
    for label in ("one", "four", "six", "nine"):
        duplicate_of, data, _ = original(label, 40)
        plant("truncated", label, data[: len(data) * 2 // 3], duplicate_of)
    for number, label in enumerate(("two", "five", "eight")):
        plant("web page", label, f"<!doctype html><title>Gone</title><p>{label} was taken down.".encode())
        plant("too small", label, encoded(_grey_image(255 - 15 * scans[number]), "PNG"))
    for label, other in (("three", "eight"), ("one", "seven"), ("four", "nine")):
        name, _, _ = original(label, 45)
        _insert(made.shown[other], name, random)
        found.append(PlantedDefect("two classes", name, other, name))
    return found


def _show(made: PhotoSet, label: str, data: bytes, random: np.random.Generator | None = None) -> str:
    """Add a photo to a class, at the end or, with `random`, at a random position; return its name."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpg"
    name = f"{label}-{len(made.shown[label]):03}.{kind}"
    made.photos[name] = data
    _insert(made.shown[label], name, random)
    return name


def _insert(names: list[str], name: str, random: np.random.Generator | None) -> None:
    names.insert(int(random.integers(len(names))) if random else len(names), name)


def _resized(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Resize values `(height, width)` to `(SIDE_PX, SIDE_PX)` by bicubic interpolation."""
    import PIL.Image

    image = PIL.Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), PIL.Image.Resampling.BICUBIC))


def _grey_image(grey: NDArray[np.floating]) -> "Image.Image":
    import PIL.Image

    return PIL.Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def search(query: str) -> Sequence[str]:
    """Return the names of the photos that a query finds: those of the class that it names.

    With "handwritten" in the query, these are only the first two thirds of them, and with "scanned" the last two
    thirds, so that two queries for one class overlap as those of real engines do.
    """
    words = query.lower().split()
    shown = next((photo_set().shown[word] for word in words if word in LABELS), [])
    third = len(shown) // 3
    if "handwritten" in words:
        return shown[: 2 * third]
    return shown[third:] if "scanned" in words else shown
