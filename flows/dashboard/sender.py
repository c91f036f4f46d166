"""Sends what the dashboard shows beside the work: one thread, bounded in memory, and waited for only at the end."""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.orchestration.routes import ServerRoutes
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

logger = logging.getLogger("fluke.dashboard")

REQUEST_TIMEOUT_S = 5
FLUSH_S = 4
"""How long the end of a run waits for what isn't sent yet."""
_MAX_BYTES = 32_000_000
_MAX_MESSAGES = 5_000
_MAX_LINES_BYTES = 500_000
_MAX_FAILED_TRIES = 3
_LONGEST_PAUSE_S = 4
_BUSY = (408, 429)


class Message(Protocol):
    """Something that the dashboard shows."""

    @property
    def size(self) -> int:
        """About how many bytes it has."""

    def send(self, client: SyncPrefectClient) -> None:
        """Send it; raises what `client.request` raises."""


class Post:
    """A request that creates something, such as an artifact."""

    def __init__(self, path: ServerRoutes, body: Mapping[str, Any]) -> None:
        self._path = path
        self._body = body
        self.size = len(str(body))

    def send(self, client: SyncPrefectClient) -> None:
        """Send it."""
        client.request("POST", self._path, json=self._body)


class Rename:
    """A request that gives a flow run another name and more tags."""

    def __init__(self, flow_run: UUID, name: str, tags: Sequence[str]) -> None:
        self._id = str(flow_run)
        self._body = {"name": name, "tags": list(tags)}
        self.size = len(str(self._body))

    def send(self, client: SyncPrefectClient) -> None:
        """Send it."""
        client.request("PATCH", "/flow_runs/{id}", path_params={"id": self._id}, json=self._body)


class _Lines:
    """Lines of the log, which go in one request."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.size = 0

    def send(self, client: SyncPrefectClient) -> None:
        client.request("POST", "/logs/", json=self.lines)


class Sender:
    """Sends messages in order, in a thread of its own.

    While the server doesn't answer, messages wait; those for which there is no room are dropped. Nobody waits for the
    server, except that `flush` does so for a few seconds.
    """

    def __init__(self, connect: Callable[[], SyncPrefectClient]) -> None:
        self._connect = connect
        self._changed = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._sending: Message | None = None
        self._dropped = 0
        self._gave_up = False
        """Whether the last flush dropped messages, and none was sent since."""
        self._gives_up = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, message: Message) -> None:
        """Send a message soon; one that waits already is not sent twice."""
        with self._changed:
            if self._has_room(message.size) and message not in self._waiting:
                self._waiting.append(message)
                self._bytes += message.size
            self._wake()

    def put_line(self, line: dict[str, Any]) -> None:
        """Send a line of the log soon, together with others; `line` is what Prefect's handler prepares."""
        size = line.pop("__payload_size__", None) or len(str(line))
        with self._changed:
            if not self._has_room(size):
                return
            last = self._waiting[-1] if self._waiting else None
            if not isinstance(last, _Lines) or last.size > _MAX_LINES_BYTES:
                self._waiting.append(last := _Lines())
            last.lines.append(line)
            last.size += size
            self._bytes += size
            self._wake()

    def flush(self, within_s: float = FLUSH_S) -> int:
        """Wait until everything is sent, but not longer; drop the rest with a warning, and return how many it were."""
        deadline = time.monotonic() + (0.5 if self._gave_up else within_s)
        with self._changed:
            while self._is_busy() and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._is_busy():
                self._dropped += len(self._waiting) + (self._sending is not None)
                self._waiting.clear()
                self._bytes = 0
                self._gave_up = True
                self._gives_up.set()
            dropped, self._dropped = self._dropped, 0
        if dropped:
            logger.warning(
                "the Prefect server does not answer, so the dashboard lacks %d entries; the run and its record lack "
                "nothing",
                dropped,
                extra={"send_to_api": False},
            )
        return dropped

    def _has_room(self, size: int) -> bool:
        has_room = self._bytes + size <= _MAX_BYTES and len(self._waiting) < _MAX_MESSAGES
        self._dropped += not has_room
        return has_room

    def _is_busy(self) -> bool:
        return bool(self._waiting) or self._sending is not None

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fluke-dashboard", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), self._connect() as client:
            while True:
                with self._changed:
                    while not self._waiting:
                        self._changed.wait()
                    self._gives_up.clear()
                    message = self._sending = self._waiting.popleft()
                    self._bytes -= message.size
                sent = self._deliver(client, message)
                with self._changed:
                    self._sending = None
                    self._dropped += not sent and not self._gives_up.is_set()  # else `flush` has counted it
                    self._changed.notify_all()

    def _deliver(self, client: SyncPrefectClient, message: Message) -> bool:
        """Send a message, again and again while the server doesn't answer; return whether it was sent."""
        pause_s, failed = 0.5, 0
        while not self._gives_up.is_set():
            try:
                message.send(client)
            except httpx.HTTPStatusError as error:
                failed += 1
                code = error.response.status_code
                if (code < 500 and code not in _BUSY) or failed == _MAX_FAILED_TRIES:
                    logger.debug("the dashboard could not be updated: %s", error, extra={"send_to_api": False})
                    return False
            except httpx.TransportError:
                pass
            except Exception as error:  # the thread has to go on
                logger.debug("the dashboard could not be updated: %s", error, extra={"send_to_api": False})
                return False
            else:
                self._gave_up = False
                return True
            self._gives_up.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return False


_senders: dict[str, Sender] = {}
_lock = threading.Lock()


def current() -> Sender | None:
    """Return the sender to the server that Prefect's settings name now; None: they name no server."""
    url: str | None = PREFECT_API_URL.value()
    if not url:
        return None
    authority, key = PREFECT_API_AUTH_STRING.value(), PREFECT_API_KEY.value()
    with _lock:
        if url not in _senders:
            _senders[url] = Sender(
                lambda: SyncPrefectClient(
                    url, auth_string=authority, api_key=key, httpx_settings={"timeout": REQUEST_TIMEOUT_S}
                )
            )
        return _senders[url]


def put(message: Message) -> None:
    """Send a message to the current server, if there is one."""
    if sender := current():
        sender.put(message)


def put_line(line: dict[str, Any]) -> None:
    """Send a line of the log to the current server, if there is one."""
    if sender := current():
        sender.put_line(line)


@atexit.register
def flush() -> None:
    """Wait for a few seconds until everything is sent; the rest is dropped with a warning."""
    for sender in list(_senders.values()):
        sender.flush()
