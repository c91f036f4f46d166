"""Messages on stderr, questions, and how the command line reports errors."""

import sys
import tempfile
import traceback
from pathlib import Path

import typer

from flows.run_records import data_root
from tasks.store.errors import UserError


def report_error(error: Exception) -> int:
    """Print an error in one line (one for each mistake in a config), and return the exit code.

    The traceback of an internal error is written to a log file that the message names.
    """
    from flows import error_messages

    message, code = error_messages.explain(error, data_root())
    if code == error_messages.INTERNAL_ERROR:
        message += f"; please report it with {_write_log(error)}"
    print_error(message)
    return code


def print_error(message: str) -> None:
    """Print an error on stderr."""
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)


def note(message: str) -> None:
    """Print a message on stderr at once, so that stdout contains only results."""
    print(message, file=sys.stderr, flush=True)


def confirm(question: str, yes: bool) -> bool:
    """Ask the user; `yes` answers for them. Raises UserError if stdin is not a terminal."""
    if not yes and not sys.stdin.isatty():
        raise UserError(f"{question} Can't ask, since stdin is not a terminal: add --yes")
    return yes or typer.confirm(question)


def _write_log(error: BaseException) -> Path:
    text = "".join(traceback.format_exception(error))
    path = data_root() / "logs" / "error.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError:
        path = Path(tempfile.gettempdir()) / "fluke-error.log"
        path.write_text(text, encoding="utf-8")
    return path
