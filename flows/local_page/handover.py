"""Hand the address of the page to a browser: by a private file, because every user can read a browser's arguments."""

import html
import os
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PREFIX = "open-page-"
_STALE_S = 3600.0
_REMIND_AFTER_S = 15.0
_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>{name}</title>
<p><a href="{address}">Open the page</a></p>
"""


class Handover:
    """Opens the browser with a file that forwards to the page.

    The file is in the data folder and its name isn't hidden, because browsers in a sandbox (snap, flatpak) read neither
    /tmp nor hidden folders. Only its owner can read it (0600). It is deleted when the page was opened.
    """

    def __init__(
        self,
        folder: Path,
        remind: Callable[[], None],
        remind_after_s: float = _REMIND_AFTER_S,
        *,
        name: str = "fluke review",
    ) -> None:
        """Prepare.

        Args:
            folder: Where the file is written.
            remind: Called if the browser has not opened the page after a while, e.g. because it can't read the file.
            remind_after_s: That while, in seconds.
            name: What the person sees while the page opens.
        """
        self._folder = folder
        self._name = html.escape(name)
        self._path: Path | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(remind_after_s, remind)
        self._timer.daemon = True

    def open(self, address: str) -> None:
        """Write the file and open it in the browser; returns at once. If that fails, the person is reminded."""
        self._timer.start()
        try:
            self._delete_stale()
            self._path = self._write(address)
        except OSError:
            return
        threading.Thread(target=webbrowser.open, args=(self._path.as_uri(),), daemon=True).start()

    def done(self) -> None:
        """Delete the file: the page was opened, or the server ends. It may be called several times."""
        self._timer.cancel()
        with self._lock:
            path, self._path = self._path, None
        if path:
            with suppress(OSError):
                path.unlink()

    def _write(self, address: str) -> Path:
        handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=".html", dir=self._folder)  # 0600, and a new file
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_PAGE.format(address=html.escape(address), name=self._name))
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name).absolute()

    def _delete_stale(self) -> None:
        """Delete the files of killed servers; their addresses lead nowhere."""
        for path in self._folder.glob(f"{_PREFIX}*.html"):
            with suppress(OSError):
                if abs(time.time() - path.stat().st_mtime) > _STALE_S:  # or a clock was ahead
                    path.unlink()
