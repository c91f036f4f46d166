"""Perceptual hashes: bits that change little when a photo is resized, recompressed or made a little brighter."""

import numpy as np
from numpy.typing import NDArray

HASH_BYTES = 32
_SIDE_PX = 64
_FREQUENCIES = 16


def perceptual_hashes(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """256-bit pHash of a grey picture `(h, w)`, uint8, and of its mirror image, each `(32,)` uint8.

    Signs of the 16x16 lowest frequencies of a discrete cosine transform of the picture at 64x64 pixels, against their
    median: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1. In a
    mirror, a picture has the same frequencies, with the odd horizontal ones negated.
    """
    import cv2

    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    frequencies = cv2.dct(small)[:_FREQUENCIES, :_FREQUENCIES]
    mirrored = frequencies.copy()
    mirrored[:, 1::2] *= -1
    return _signs(frequencies), _signs(mirrored)


def _signs(frequencies: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.packbits((frequencies > np.median(frequencies)).ravel())
