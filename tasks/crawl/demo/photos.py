"""The photos of the demo's site: scanned digits on paper, with dirt planted among them that the filter must find.

The scans are scikit-learn's copy of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998
(1,797 digits of 8x8 pixels, CC BY 4.0). Each is enlarged smoothly and laid on paper with a grain of its own: without
one, enlarged digits have no fine detail at all, and the finer half of a perceptual hash is noise.
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
"""Raised when the photos change."""
LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LICENCE = "CC BY 4.0"
SIDE_PX = 64
_MOST, _FEWEST = 174, 60
"""Photos of the first and of the last class."""
_PAPER, _INK, _GRAIN = 222, 190, 6
"""Grey level of the paper, how much darker ink is, and the grain's standard deviation."""
_SEED = 20240


@dataclass(frozen=True)
class Plant:
    """Something wrong that was put among the photos."""

    kind: str
    """The reason for which the filter should reject it, or its twin where the two are equals."""
    name: str
    """Last part of its URL's path."""
    label: str
    """The class that it is shown under."""
    twin: str | None = None
    """The photo that it was made from."""


@dataclass(frozen=True)
class Gallery:
    """What the site holds."""

    photos: dict[str, bytes]
    shown: dict[str, list[str]]
    """Per class: names of photos, as they are shown."""
    plants: tuple[Plant, ...]


def plants() -> tuple[Plant, ...]:
    """All that was planted."""
    return gallery().plants


@cache
def gallery() -> Gallery:
    """Make the photos; the same ones each time."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    random = np.random.default_rng(_SEED)
    made = Gallery({}, {label: [] for label in LABELS}, ())
    counts = np.linspace(_MOST, _FEWEST, len(LABELS)).astype(int)
    for digit, (label, count) in enumerate(zip(LABELS, counts, strict=True)):
        for number, scan in enumerate(digits.images[digits.target == digit][:count]):
            kind = "PNG" if number % 3 == 0 else "JPEG"
            _show(made, label, encoded(enlarged(scan, random), kind))
    return Gallery(made.photos, made.shown, tuple(_planted(made, digits.images, random)))


def enlarged(scan: NDArray[np.float64], random: np.random.Generator) -> "Image.Image":
    """A scan `(8, 8)`, 0 (paper) to 16 (ink), as a grey picture of SIDE_PX on grainy paper."""
    grain = _resized(random.standard_normal((16, 16)))
    return _picture(_PAPER - _INK / 16 * _resized(scan) + _GRAIN * grain)


def encoded(image: "Image.Image", kind: str, quality: int = 90) -> bytes:
    """A picture as PNG or JPEG."""
    data = BytesIO()
    image.save(data, kind, quality=quality)
    return data.getvalue()


def _planted(made: Gallery, scans: NDArray[np.float64], random: np.random.Generator) -> list[Plant]:
    """Plant the dirt."""
    import PIL.Image

    found: list[Plant] = []

    def plant(kind: str, label: str, data: bytes, twin: str | None = None) -> None:
        found.append(Plant(kind, _show(made, label, data, random), label, twin))

    def original(label: str, number: int) -> tuple[str, bytes, "Image.Image"]:
        name = f"{label}-{number:03}.{'png' if number % 3 == 0 else 'jpg'}"
        data = made.photos[name]
        return name, data, PIL.Image.open(BytesIO(data))

    for number, label in enumerate(LABELS):
        twin, data, _ = original(label, 2 + number)
        plant("duplicate", label, data, twin)
        twin, _, image = original(label, 20 + number)
        near = (
            encoded(image, "JPEG", quality=75),
            encoded(image.resize((60, 60), PIL.Image.Resampling.LANCZOS), "JPEG"),
            encoded(image.point(lambda grey: min(255, grey + 8)), "JPEG"),
        )
        plant("near duplicate", label, near[number % 3], twin)
    for label in ("one", "four", "six", "nine"):
        twin, data, _ = original(label, 40)
        plant("truncated", label, data[: len(data) * 2 // 3], twin)
    for number, label in enumerate(("two", "five", "eight")):
        plant("unreadable", label, f"<!doctype html><title>Gone</title><p>{label} was taken down.".encode())
        plant("too small", label, encoded(_picture(255 - 15 * scans[number]), "PNG"))
    for label, other in (("three", "eight"), ("one", "seven"), ("four", "nine")):
        name, _, _ = original(label, 45)
        _insert(made.shown[other], name, random)
        found.append(Plant("two classes", name, other, name))
    return found


def _show(made: Gallery, label: str, data: bytes, random: np.random.Generator | None = None) -> str:
    """Add a photo to a class, at the end or anywhere; returns its name."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpg"
    name = f"{label}-{len(made.shown[label]):03}.{kind}"
    made.photos[name] = data
    _insert(made.shown[label], name, random)
    return name


def _insert(names: list[str], name: str, random: np.random.Generator | None) -> None:
    names.insert(int(random.integers(len(names))) if random else len(names), name)


def _resized(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values `(h, w)` at SIDE_PX, by bicubic interpolation."""
    import PIL.Image

    image = PIL.Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), PIL.Image.Resampling.BICUBIC))


def _picture(grey: NDArray[np.floating]) -> "Image.Image":
    import PIL.Image

    return PIL.Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def search(query: str) -> Sequence[str]:
    """Names that a query is answered with: those of the class that it names.

    "handwritten" brings the first two thirds of them only and "scanned" the last two thirds, so that two queries for
    one class overlap, as they do with real engines.
    """
    words = query.lower().split()
    shown = next((gallery().shown[word] for word in words if word in LABELS), [])
    third = len(shown) // 3
    if "handwritten" in words:
        return shown[: 2 * third]
    return shown[third:] if "scanned" in words else shown
