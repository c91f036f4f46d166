"""Perceptual hashes: their bits hardly change when a photo is resized, recompressed or made slightly brighter."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

HASH_BYTES = 32
WINDOWS = 9
_SIDE_PX = 64
_FREQUENCIES = 16
_LOWEST = 8
_CROPPED = 0.03


def perceptual_hashes(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Compute the 256-bit pHash of a grey image `(h, w)`, uint8, and that of its mirror image; `(32,)`, uint8, each.

    The image is shrunk to 64x64 pixels. A bit says whether one of the 16x16 lowest frequencies of its discrete cosine
    transform is above their median (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
    2010, section 3.2.1). The mirror image has the same frequencies, but the odd horizontal ones are negated.
    """
    import cv2

    frequencies = cv2.dct(_small(grey))[:_FREQUENCIES, :_FREQUENCIES]
    mirrored = frequencies.copy()
    mirrored[:, 1::2] *= -1
    return _signs(frequencies), _signs(mirrored)


def window_hashes(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compute the hashes of nine crops of a grey image `(h, w)`: `(9, 32)`, uint8.

    Each crop leaves out 3 % of the height and of the width. Cropping changes all but the lowest frequencies, so a photo
    is compared with another one's crops, too: one of them resembles a mild crop of the same photo.
    """
    cosines = _cosines()
    frequencies = cosines @ _small(grey) @ cosines.T  # small matrices: numpy uses one core
    parts = frequencies.reshape(3, _FREQUENCIES, 3, _FREQUENCIES).swapaxes(1, 2).reshape(WINDOWS, -1)
    return np.packbits(parts > np.median(parts, axis=1, keepdims=True), axis=1)


def coarse_bits(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 64 bits of the 8x8 lowest frequencies: of hashes `(n, 32)`, `(n, 8)`, uint8."""
    bits = np.unpackbits(hashes, axis=1).reshape(-1, _FREQUENCIES, _FREQUENCIES)
    return np.packbits(bits[:, :_LOWEST, :_LOWEST].reshape(-1, _LOWEST**2), axis=1)


def _small(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shrink a grey image to `(64, 64)`, float32."""
    import cv2

    return np.asarray(cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)


@cache
def _cosines() -> NDArray[np.float32]:
    """Return the cosines of three windows along one side, one below the other: `(48, 64)`, 0 outside each window."""
    pixels, number = (np.arange(_SIDE_PX) + 0.5) / _SIDE_PX, np.arange(_FREQUENCIES)[:, None]
    windows = []
    for start in (0, _CROPPED / 2, _CROPPED):
        place = (pixels - start) / (1 - _CROPPED)
        wave = np.cos(np.pi * number * place) * ((place > 0) & (place < 1))
        wave[0] /= np.sqrt(2)
        windows.append(wave)
    return np.concatenate(windows).astype(np.float32)


def _signs(frequencies: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pack one bit per frequency: whether it is above the median."""
    return np.packbits((frequencies > np.median(frequencies)).ravel())
