"""Starts a data folder's Prefect server again if it ends while a run or `fluke serve` needs it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from flows.server import lifecycle, process
from tasks.store.errors import UserError

_LOOK_EVERY_S = 2
_TRY_AGAIN_AFTER_S = 30

logger = logging.getLogger("fluke.server")


@contextmanager
def kept_running(root: Path, address: str) -> Iterator[None]:
    """Watch the server of a data folder while the block runs, in a thread of its own.

    A server that the user has stopped with `fluke down` stays stopped.

    Args:
        root: The data folder.
        address: The API address that the block uses; if it isn't that of the folder's server, nothing happens.
    """
    if address != lifecycle.url(root):
        yield
        return
    ended = threading.Event()
    port = urlsplit(address).port
    thread = threading.Thread(target=_watch, args=(root, port, ended), name="fluke-server-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _watch(root: Path, port: int | None, ended: threading.Event) -> None:
    wait_s = _LOOK_EVERY_S
    while not ended.wait(wait_s):
        wait_s = _LOOK_EVERY_S
        if lifecycle.process_id(root) is not None or not process.state_file(root).exists():
            continue
        logger.warning("the Prefect server has ended; it is started again (log: %s)", root / "server" / "server.log")
        try:
            lifecycle.up(root, port)
        except (UserError, OSError) as error:
            logger.warning("the Prefect server does not start: %s", error)
            wait_s = _TRY_AGAIN_AFTER_S
