"""Photos as tiles, in batches: what both predictions and scores give to a model."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from tasks.crawl.listing.files import read_file

_BATCH_PHOTOS = 256


def decoded_batches(
    config: PreprocessConfig, photos: Sequence[tuple[str, Path]], threads: Executor
) -> Iterator[tuple[list[str], list[NDArray[np.uint8]], list[str]]]:
    """Decode photos into tiles, in batches; while a batch is used, the next one is decoded.

    The first batch is decoded from this call on, so that a network can be loaded meanwhile.

    Args:
        config: How a photo becomes a tile.
        photos: Names and paths.
        threads: Decode the photos.

    Returns:
        Of each batch, all names, the tiles `(side, side, c)` of the readable photos, and all errors ("" if readable).
    """
    from tasks.images.memory import PhotoTooLargeError
    from tasks.images.tiles import tile_of

    def tile(path: Path) -> NDArray[np.uint8] | str:
        try:
            return tile_of(read_file(path), config)
        except OSError as error:
            return f"can't be read: {error.strerror or error}"
        except (ValueError, PhotoTooLargeError) as error:
            return str(error)

    batches = [photos[start : start + _BATCH_PHOTOS] for start in range(0, len(photos), _BATCH_PHOTOS)]
    first = [threads.submit(tile, path) for _, path in batches[0]]

    def decoded() -> Iterator[tuple[list[str], list[NDArray[np.uint8]], list[str]]]:
        next_futures = first
        for batch, next_batch in zip(batches, [*batches[1:], []], strict=True):
            futures, next_futures = next_futures, [threads.submit(tile, path) for _, path in next_batch]
            results = [future.result() for future in futures]
            tiles = [result for result in results if not isinstance(result, str)]
            yield [name for name, _ in batch], tiles, [result if isinstance(result, str) else "" for result in results]

    return decoded()
