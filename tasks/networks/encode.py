"""Compute the codes of tiles with an encoder."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.store.json_file import read_json
from tasks.store.work import once_per_process
from tasks.tables.pretrain import ENCODER_INFO

if TYPE_CHECKING:
    import keras


def encoder_info(encoder: Path) -> dict[str, Any]:
    """Return what encoder.json says: kind (network, autoencoder or none), name, and further fields of a kind.

    Args:
        encoder: the folder of the pretrain stage.
    """
    return read_json(ENCODER_INFO.path(encoder), dict[str, Any])


def takes_codes(kind: str, recipe: Mapping[str, Any]) -> bool:
    """Return whether a classifier's inputs are an autoencoder's codes, so that its encoder comes before it; else tiles.

    Args:
        kind: kind of the encoder: network, autoencoder or none.
        recipe: content of the classifier's recipe.json. Where it doesn't say so, the classifier takes codes.
    """
    return kind == "autoencoder" and recipe.get("inputs") != "tiles"


def to_float16(values: NDArray[np.floating]) -> NDArray[np.float16]:
    """Convert to float16; values beyond its range (65504) are clipped."""
    limit = np.finfo(np.float16).max
    return np.asarray(np.clip(values, -limit, limit), np.float16)


def encode(encoder: "keras.Model", tiles: NDArray[np.uint8], batch_size: int) -> NDArray[np.float16]:
    """Compute codes; a tile's code does not depend on the other tiles (see `keras_io.predict`).

    With TensorFlow on a CPU, all batch sizes of 2 or more give the same codes; elsewhere the last bits may differ.

    Args:
        encoder: a model from tiles to codes.
        tiles: `(n, side, side, c)`.
        batch_size: tiles per batch, 2 or more; fewer are computed at once if they are large.

    Returns:
        Codes, float16 `(n, h, w, code channels)`.
    """
    from tasks.networks.keras_io import predict
    from tasks.networks.memory import rows_forward

    return to_float16(predict(encoder, tiles, rows_forward(encoder, batch_size)))


class Encoder:
    """An encoder's file, loaded when the first tiles are encoded; one thread at a time uses the network.

    So Keras is not imported if there are no new tiles. One thread is enough, because a network uses every core itself.
    Each worker loads the file once, however many shards it computes.
    """

    def __init__(self, path: Path, batch_size: int, digest: str) -> None:
        """Configure the encoder: its .keras file, tiles per batch, and a digest that changes with the file."""
        self._arguments = path, batch_size, digest
        self._path = path
        self._batch_size = batch_size
        self._encoder: keras.Model | None = None
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return once_per_process, (Encoder, *self._arguments)

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Compute the codes of tiles; see `encode`."""
        with self._lock:
            if self._encoder is None:
                from tasks.networks.keras_io import load_artifact

                self._encoder = load_artifact(self._path)
            return encode(self._encoder, tiles, self._batch_size)
