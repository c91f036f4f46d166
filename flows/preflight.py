"""What is checked before a run, and how errors are put to the user."""

import errno
import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from configs.load import ConfigError
from configs.schema import Config, StageName
from tasks.crawl import stage as crawl
from tasks.networks import backbones
from tasks.store import plugins
from tasks.store.errors import UserError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_SPARE_BYTES = 16 << 20
_LONGEST = 300
"""Characters of an error of ours that are shown; the log has all."""


def check_names(config: Config) -> None:
    """Refuse a source or a network that there is no module for, naming the nearest that there is."""
    for source in config.crawl.sources:
        plugins.check("tasks.crawl.sources", source)
    crawl.check(config.crawl)
    backbones.check(config.train.network)


def check_stage(config: Config, name: StageName) -> None:
    """Refuse a stage that a config's pipeline doesn't have."""
    if config.train.input == "tiles" and name in ("pretrain", "extract"):
        raise UserError(f"{name} is not part of this pipeline: train.input is tiles, which needs no features")


def check_writable(root: Path) -> None:
    """Refuse a data folder that can't be written to."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".probe-{os.getpid()}"
        probe.write_bytes(b"fluke")
        probe.unlink()
    except OSError as error:
        raise _about_disk(OSError(error.errno, error.strerror, str(root)), root) from error


@contextmanager
def in_use(root: Path, *, alone: bool = False) -> Iterator[None]:
    """Mark the data folder as in use: by many runs at once, or `alone` (for deleting), which others rule out.

    The mark is a lock that the kernel releases if its holder dies.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".in-use").open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError as error:
            raise UserError(f"{root}: a run is under way here; try again when it has ended") from error
        yield


@contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """An event that is set when Ctrl-C is pressed, before KeyboardInterrupt is raised as ever.

    Native libraries may make an error of their own of it; whoever catches one can so tell that it is none.
    """
    pressed = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pressed  # Python delivers signals to the main thread only
        return

    def notice(number: int, frame: FrameType | None) -> None:
        pressed.set()
        before(number, frame)

    signal.signal(signal.SIGINT, notice)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def explain(error: BaseException, root: Path) -> tuple[str, int]:
    """What to tell the user about an error, and the exit code: 2 if it is the user's to mend, 1 if it is ours."""
    if isinstance(error, UserError | ConfigError):
        return str(error), 2
    if isinstance(error, OSError) and error.errno in {*_FULL, errno.EACCES, errno.EROFS, errno.EPERM}:
        return str(_about_disk(error, root)), 2
    if root.exists() and shutil.disk_usage(root).free < _SPARE_BYTES:  # libraries wrap ENOSPC in errors of their own
        return str(_about_disk(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), root)), 2
    message = " ".join(str(error).split())
    return f"internal error: {type(error).__name__}: {message[:_LONGEST]}", 1


def _about_disk(error: OSError, root: Path) -> UserError:
    if error.errno in _FULL:
        return UserError(
            f"{root}: no space left on the disk; free some (`fluke prune` shows what fluke can spare) and run the "
            "same command again: what is finished is kept"
        )
    where = error.filename or root
    reason = os.strerror(error.errno) if error.errno else str(error)
    return UserError(f"{where}: {reason.lower()}; make it writable, or set FLUKE_DATA to a folder that is")
