"""Perceptual hashes: bits that change little when a photo is resized, recompressed or made a little brighter."""

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
    """256-bit pHash of a grey picture `(h, w)`, uint8, and of its mirror image, each `(32,)` uint8.

    Signs of the 16x16 lowest frequencies of a discrete cosine transform of the picture at 64x64 pixels, against their
    median: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1. In a
    mirror, a picture has the same frequencies, with the odd horizontal ones negated.
    """
    import cv2

    frequencies = cv2.dct(_small(grey))[:_FREQUENCIES, :_FREQUENCIES]
    mirrored = frequencies.copy()
    mirrored[:, 1::2] *= -1
    return _signs(frequencies), _signs(mirrored)


def window_hashes(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Hashes of nine parts of a grey picture `(h, w)`, without 3 % of its height and width: `(9, 32)`, uint8.

    A crop moves all but the lowest frequencies; of a photo and a mild crop of it, some part of one is like the other.
    """
    waves = _waves()
    frequencies = waves @ _small(grey) @ waves.T  # small enough to be computed on one core
    parts = frequencies.reshape(3, _FREQUENCIES, 3, _FREQUENCIES).swapaxes(1, 2).reshape(WINDOWS, -1)
    return np.packbits(parts > np.median(parts, axis=1, keepdims=True), axis=1)


def coarse(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of hashes `(n, 32)`, the 64 bits that stand for the 8x8 lowest frequencies, `(n, 8)`."""
    bits = np.unpackbits(hashes, axis=1).reshape(-1, _FREQUENCIES, _FREQUENCIES)
    return np.packbits(bits[:, :_LOWEST, :_LOWEST].reshape(-1, _LOWEST**2), axis=1)


def _small(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)


@cache
def _waves() -> NDArray[np.float32]:
    """The cosines of three windows along one side, one after the other: `(48, 64)`, 0 outside of each."""
    pixels, number = (np.arange(_SIDE_PX) + 0.5) / _SIDE_PX, np.arange(_FREQUENCIES)[:, None]
    windows = []
    for start in (0, _CROPPED / 2, _CROPPED):
        place = (pixels - start) / (1 - _CROPPED)
        wave = np.cos(np.pi * number * place) * ((place > 0) & (place < 1))
        wave[0] /= np.sqrt(2)
        windows.append(wave)
    return np.concatenate(windows).astype(np.float32)


def _signs(frequencies: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.packbits((frequencies > np.median(frequencies)).ravel())
