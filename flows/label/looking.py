"""Look at all photos in the background, while a person labels: the photos that are known so far are ranked."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flows.label.session import LabelSession
from tasks.crawl.listing.files import read_file
from tasks.images.memory import PhotoTooLargeError
from tasks.images.tiles import tile_of
from tasks.store.errors import UserError

if TYPE_CHECKING:
    from flows.label.networks import Network

logger = logging.getLogger("fluke.label")

_CHUNK_PHOTOS = 32
_STOP_S = 30.0


@contextmanager
def looking(
    load: "Callable[[], Network]",
    session: LabelSession,
    examples: Sequence[tuple[Path, str]],
    threads: int,
) -> Iterator[None]:
    """Look at photos until all are known, or the block ends.

    Args:
        load: Loads the network.
        session: Receives what the network says about its photos, and which can't be decoded.
        examples: Photos of the run with their classes; they are looked at first.
        threads: Number of threads that decode.
    """
    stop = Event()
    photos, knowledge = session.photos, session.knowledge

    def look() -> None:
        try:
            network = load()
            knowledge.classes = network.classes
            with ThreadPoolExecutor(threads) as executor:

                def tiles(paths: Sequence[Path]) -> tuple[list[int], NDArray[np.uint8]]:
                    """Return the positions of the photos that can be decoded, and their tiles."""
                    found = list(executor.map(lambda path: _tile(path, network), paths))
                    kept = [i for i, tile in enumerate(found) if tile is not None]
                    return kept, np.stack([tile for tile in found if tile is not None]) if kept else _NO_TILES

                for chunk in _chunks(len(examples)):
                    if stop.is_set():
                        return
                    kept, found = tiles([examples[i][0] for i in chunk])
                    if kept:
                        knowledge.add_examples([examples[chunk[i]][1] for i in kept], network(found))
                for chunk in _chunks(len(photos)):
                    if stop.is_set():
                        return
                    kept, found = tiles([photos[i].path for i in chunk])
                    session.leave_out(chunk[i] for i in set(range(len(chunk))) - set(kept))
                    if kept:
                        knowledge.add([chunk[i] for i in kept], network(found))
        except UserError as error:
            logger.warning("no photo is proposed a class, and they come in no order: %s", error)
        except Exception:
            logger.exception("the network has failed; photos come in no order")

    thread = Thread(target=look, name="look at photos", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_STOP_S)


_NO_TILES = np.zeros((0, 1, 1, 3), np.uint8)


def _chunks(count: int) -> list[range]:
    return [range(start, min(start + _CHUNK_PHOTOS, count)) for start in range(0, count, _CHUNK_PHOTOS)]


def _tile(path: Path, network: "Network") -> NDArray[np.uint8] | None:
    try:
        return tile_of(read_file(path), network.preprocess)
    except (OSError, ValueError, PhotoTooLargeError):
        return None
