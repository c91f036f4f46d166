"""What a command checks before it starts, and how it protects the data folder and notices Ctrl-C."""

import errno
import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import quote

from configs.schema import Config
from flows.file_problems import problem
from tasks.store.bucket import copies
from tasks.store.errors import UserError
from tasks.store.manifest import now

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT})


def check(config: Config, root: Path) -> None:
    """Check names, the folder of photos and the data folder before a run; errors as in the three functions below."""
    check_names(config)
    check_photo_folder(config, root)
    check_writable(root)


def check_names(config: Config, *, crawls: bool = True) -> None:
    """Raise UserError for a source or a network that has no module, or a recipe that the encoder doesn't allow.

    Args:
        config: The settings.
        crawls: Whether the command may crawl, so that the keys of search engines must be there.

    Raises:
        MissingCredentialsError: They are not.
    """
    from tasks.crawl import stage as crawl
    from tasks.crawl.engines.engine import MissingCredentialsError
    from tasks.networks import backbones, pretrained
    from tasks.store import plugins
    from tasks.train import stage as train

    for source in config.crawl.sources:
        plugins.check("tasks.crawl.sources", source)
    try:
        crawl.validate_config(config.crawl)
    except MissingCredentialsError:
        if crawls:
            raise
    backbones.check(config.train.network)
    pretrained.check(config.pretrain.encoder)
    train.check_recipe(config.train.recipe, config.pretrain.kind)


def check_photo_folder(config: Config, root: Path) -> None:
    """Raise UserError if the folder of photos is the data folder, or one that fluke writes below it.

    A data folder below the folder of photos is fine: the crawl passes over it.
    """
    from tasks.crawl.listing.tree import DATA_FOLDERS

    path = config.crawl.path
    if path is None or "folder" not in config.crawl.sources:
        return
    photos, data = path.expanduser().resolve(), root.resolve()
    if photos == data or any(photos.is_relative_to(data / name) for name in DATA_FOLDERS):
        raise UserError(
            f"crawl.path={path} is in fluke's own data folder {data}: put the photos in a folder of their own, or set "
            "FLUKE_DATA to another folder"
        )


def check_given_paths(config: Config) -> None:
    """Raise UserError if a path of the crawl isn't there: said at once, not after the server has been started.

    `fluke serve` doesn't ask: a network drive may come back before the next run.
    """
    from tasks.crawl import stage as crawl

    crawl.check_paths(config.crawl)


def check_writable(root: Path) -> None:
    """Create the data folder if needed; raise UserError if it isn't writable."""
    probe = root / f".probe-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"fluke")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        at_root = OSError(error.errno, error.strerror, str(root))
        message = problem(at_root, root) or f"{root}: {error.strerror}"
        raise UserError(message if "FLUKE_DATA" in message else f"{message}; or set FLUKE_DATA") from error


@contextmanager
def in_use(root: Path, *, exclusive: bool = False) -> Iterator[None]:
    """Lock the data folder: shared by any number of runs, or `exclusive` for a command that deletes.

    The kernel releases the lock when the process ends, also after kill -9. This uses fcntl because filelock has no
    shared locks between processes. Who may only read the folder can lock it, too, if the lock file exists: its content
    doesn't matter. Without one, nothing is locked.

    Raises:
        UserError: A run uses the folder, and `exclusive` is asked for.
    """
    with ExitStack() as stack:
        if copy := copies.of(root):
            stack.enter_context(copy.used(exclusive=exclusive))
        if handle := _lock_file(root / ".in-use", exclusive=exclusive):
            stack.enter_context(handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
            except BlockingIOError as error:
                raise UserError(f"{root}: a run is using this data folder; try again after it has ended") from error
        yield


def _lock_file(path: Path, *, exclusive: bool) -> IO[bytes] | None:
    """Open a lock file, and create it if that is possible; None if there is none, and a shared lock is asked for."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        try:
            return path.open("rb")
        except OSError:
            if exclusive:
                raise error from None
            return None


@contextmanager
def only_serve(root: Path, preset: str) -> Iterator[None]:
    """Lock a preset's deployments: a second `fluke serve`, when it ends, would pause the schedule of the first.

    The kernel releases the lock when the process ends, also after kill -9.

    Raises:
        UserError: Another process serves the preset.
    """
    path = root / "locks" / f"serve-{quote(preset, safe='')}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            holder = handle.read().decode("utf-8", "replace") or "another process"
            raise UserError(
                f"{preset} is served already, by {holder}; stop that one first (Ctrl-C in its terminal)"
            ) from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()} since {now():%Y-%m-%d %H:%M} UTC".encode())
        handle.flush()
        yield


@contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """Yield an event that is set when Ctrl-C is pressed, before KeyboardInterrupt is raised as usual.

    Native code may turn Ctrl-C into another exception; callers check this event to tell.
    """
    pressed = threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield pressed  # Python delivers signals to the main thread only
        return

    def set_event(number: int, frame: FrameType | None) -> None:
        pressed.set()
        previous(number, frame)

    signal.signal(signal.SIGINT, set_event)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, previous)
