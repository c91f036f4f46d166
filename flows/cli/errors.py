"""What commands print, their questions, and how they report errors.

Names of files and classes are printed with control characters made visible, see `tasks.text.show_controls`.
"""

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from configs.errors import ConfigError
from configs.redact import redact, redacting
from flows.run_records import data_root
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.text import show_controls


def survive_any_locale() -> None:
    """Print a character that the terminal's encoding lacks as \\u2026, instead of ending with an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def no_passwords() -> Iterator[None]:
    """Keep the passwords of the environment out of what anything prints, Prefect and other libraries included."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = redacting(out), redacting(err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def report_error(error: Exception) -> int:
    """Print an error in one line (one for each mistake in a config), and return the exit code.

    The traceback of an internal error is written to a log file that the message names.
    """
    from flows import error_messages

    try:  # a message for the user needs no data folder; a bucket that can't be reached must not be asked again
        root = Path() if isinstance(error, UserError | ConfigError) else data_root()
    except UserError as no_data_folder:
        error, root = no_data_folder, Path()
    message, code = error_messages.explain(error, root)
    if code == error_messages.INTERNAL_ERROR:
        log = _write_log(error, root)
        message += f"; please report it with {log}" if log else "; its traceback can't be written anywhere"
    print_error(*(message.split("\n") if isinstance(error, ConfigError) else [message]))
    return code


def say(*lines: str) -> None:
    """Print lines of a result on stdout."""
    for line in lines:
        print(show_controls(redact(line)), flush=True)


def print_error(*lines: str) -> None:
    """Print an error on stderr."""
    for line in lines:
        print(f"error: {show_controls(redact(line))}", file=sys.stderr)


def note(message: str) -> None:
    """Print a message on stderr at once, so that stdout contains only results."""
    print(show_controls(redact(message)), file=sys.stderr, flush=True)


def confirm(question: str, yes: bool) -> bool:
    """Ask the user; `yes` answers for them. Raises UserError if stdin is not a terminal."""
    if not yes and not sys.stdin.isatty():
        raise UserError(f"{question} Can't ask, since stdin is not a terminal: add --yes")
    return yes or typer.confirm(show_controls(question))


def _write_log(error: BaseException, root: Path) -> Path | None:
    """Write a traceback to a log in the data folder, or else to a temporary file; None if neither can be written."""
    text = redact("".join(traceback.format_exception(error))).encode("utf-8", "backslashreplace")
    path = root / "logs" / "error.log"
    try:
        atomic_write(path, text)  # a log of another user is replaced, not written to
        return path
    except OSError:
        pass
    try:
        handle, name = tempfile.mkstemp(prefix="fluke-error-", suffix=".log")
        with os.fdopen(handle, "wb") as file:
            file.write(text)
    except OSError:
        return None
    return Path(name)
