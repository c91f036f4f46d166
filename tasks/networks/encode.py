"""Compute the codes of tiles with an encoder."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


def to_float16(values: NDArray[np.floating]) -> NDArray[np.float16]:
    """Values as float16, of the same shape; those beyond its range (65504) become its ends."""
    limit = np.finfo(np.float16).max
    return np.asarray(np.clip(values, -limit, limit), np.float16)


def encode(encoder: "keras.Model", tiles: NDArray[np.uint8], batch_size: int) -> NDArray[np.float16]:
    """Codes of tiles `(n, side, side, c)`: float16 `(n, h, w, code channels)`.

    A tile's code doesn't depend on which others are computed with it (see `keras_io.predict`; `batch_size` is 2 or
    more). Other batch sizes give the same codes with TensorFlow on a CPU; elsewhere the last bits may differ.
    """
    from tasks.networks.keras_io import predict

    return to_float16(predict(encoder, tiles, batch_size))


class Encoder:
    """An encoder's file, which is read when the first tiles come, and used by one thread at a time.

    Where no tile is new, Keras isn't imported; and a network uses every core itself.
    """

    def __init__(self, path: Path, batch_size: int) -> None:
        self._path = path
        self._batch_size = batch_size
        self._encoder: keras.Model | None = None
        self._lock = Lock()

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Codes of tiles, see `encode`."""
        with self._lock:
            if self._encoder is None:
                from tasks.networks.keras_io import load

                self._encoder = load(self._path)
            return encode(self._encoder, tiles, self._batch_size)
