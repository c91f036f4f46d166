"""The photos of the demo's site: digits on rough ground, with planted defects that the filter must find.

The scans are scikit-learn's copy of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998
(1,797 digits of 8x8 pixels, CC BY 4.0). Each is drawn at a random size, angle and place on a textured ground, in a
light that falls from a random side, as if it was photographed. The most similar photo often has the same ground or
light, but not the same digit: pixels alone don't solve the task, a trained network does.
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

VERSION = 2
"""Increased whenever the photos change."""
LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LICENCE = "CC BY 4.0"
SIDE_PX = 64
_MAX_PHOTOS, _MIN_PHOTOS = 174, 60
"""Number of photos of the first and of the last class."""
_DIGIT = (0.65, 1)
"""Side of a digit with its margin, as a share of the photo's side."""
_TILT_DEGREES = 20
_GROUND = (150, 225)
"""Grey level of the ground, 0 to 255."""
_INK = (0.45, 0.8)
"""Share of the ground's light that the ink takes away."""
_TEXTURE = (4, 12)
"""Standard deviation of the ground's texture, in grey levels."""
_SHADE = 0.35
"""Most that the light rises or falls from the centre to a side, as a share."""
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
            _show(made, label, encoded(photographed(scan, random), kind))
    return PhotoSet(made.photos, made.shown, tuple(_plant_defects(made, digits.images, random)))


def photographed(scan: NDArray[np.float64], random: np.random.Generator) -> "Image.Image":
    """Draw a scan as a grey photo: at a random size, angle and place, on a random ground, in a random light.

    Args:
        scan: `(8, 8)`, from 0 (paper) to 16 (ink).
        random: decides all that is random.

    Returns:
        An image of SIDE_PX x SIDE_PX pixels.
    """
    ink = _placed(np.pad(scan / 16, 1), random).clip(0, 1)
    spots, grain = (_resized(random.standard_normal((side, side))) for side in (10, 32))
    ground = random.uniform(*_GROUND) + random.uniform(*_TEXTURE) * (spots + grain)
    return _grey_image(ground * (1 - random.uniform(*_INK) * ink) * _light(random))


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


def _placed(scan: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float32]:
    """Draw a scan `(height, width)` at a random size, angle and place inside `(SIDE_PX, SIDE_PX)`; 0 around it."""
    import PIL.Image

    share, angle = random.uniform(*_DIGIT), np.radians(random.uniform(-_TILT_DEGREES, _TILT_DEGREES))
    x, y = SIDE_PX / 2 + (1 - share) * SIDE_PX / 2 * random.uniform(-1, 1, 2)
    cosine, sine = np.cos(angle) / share, np.sin(angle) / share
    middle = SIDE_PX / 2
    back = (cosine, sine, middle - cosine * x - sine * y, -sine, cosine, middle + sine * x - cosine * y)
    image = PIL.Image.fromarray(_resized(scan))
    size, affine = (SIDE_PX, SIDE_PX), PIL.Image.Transform.AFFINE
    return np.asarray(image.transform(size, affine, back, PIL.Image.Resampling.BILINEAR))


def _light(random: np.random.Generator) -> NDArray[np.float64]:
    """Make a light `(SIDE_PX, SIDE_PX)`, 1 at the centre, that rises towards a random side."""
    across, down = random.uniform(-_SHADE, _SHADE, 2) / np.sqrt(2)
    side = np.linspace(-1, 1, SIDE_PX)
    light: NDArray[np.float64] = 1 + across * side[None] + down * side[:, None]
    return light


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
