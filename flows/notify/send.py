"""Tell people and automations what happens at night: messages through apprise, and Prefect events.

Nothing here makes a run fail, and nothing makes it wait for longer than `MAX_WAIT_S`.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from configs.addresses import SecretAddress
from configs.redact import redact
from configs.schema import Config, NotifyKind
from flows.notify.addresses import complaints, revealed, sender, value_of
from tasks.text import show_controls

MAX_WAIT_S = 20
"""How long the end of a run waits for messages that are on their way."""
_MAX_LINES = 40
_TYPES = {"failed": "failure", "refused": "warning", "promoted": "success", "drift": "warning", "low_yield": "warning"}
"""The type of message that apprise shows as a colour or a sign; `info` for the others."""

logger = logging.getLogger("fluke.notify")


@dataclass(frozen=True)
class Delivery:
    """What became of a message to one address."""

    address: str
    """As it may be shown."""
    reason: str = ""
    """Why it was not sent; empty if it was."""


@dataclass
class _Outbox:
    """The messages of a run that are on their way."""

    threads: list[threading.Thread] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    open_to: list[str] = field(default_factory=list)
    """Addresses that haven't answered yet."""

    def send(self, address: SecretAddress, kind: NotifyKind, title: str, body: str) -> None:
        """Send a message in a thread of its own: one address that doesn't answer delays no other."""
        thread = threading.Thread(target=self._send, args=(address, kind, title, body), daemon=True)
        self.open_to.append(str(address))
        self.threads.append(thread)
        thread.start()

    def wait(self, seconds: float) -> list[Delivery]:
        """Wait for the messages, and return what became of each."""
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [Delivery(address, f"no answer within {seconds:g} s") for address in list(self.open_to)]
        return [*self.deliveries, *late]

    def _send(self, address: SecretAddress, kind: NotifyKind, title: str, body: str) -> None:
        try:
            reason = _send_one(address, kind, title, body)
        except Exception as error:  # a plug-in of apprise may raise anything
            reason = _short(f"{type(error).__name__}: {error}")
        self.deliveries.append(Delivery(str(address), reason))
        self.open_to.remove(str(address))


_outbox: ContextVar[_Outbox | None] = ContextVar("outbox", default=None)


@contextmanager
def delivery() -> Iterator[None]:
    """Send the messages of a run beside its work; at the end, wait for them, and warn once if some were not sent."""
    outbox = _Outbox()
    token = _outbox.set(outbox)
    try:
        yield
    finally:
        _outbox.reset(token)
        _warn(outbox.wait(MAX_WAIT_S))


def tell(config: Config, kind: NotifyKind, title: str, lines: Sequence[str] = ()) -> None:
    """Tell those whom `notify` names of something, beside the work; never fails, and doesn't wait inside `delivery`.

    Args:
        config: The settings of the run.
        kind: What happened; a message is sent if `notify.on` has it. The Prefect event `fluke.night.<kind>` is always
            emitted.
        title: One short line, such as "whales: the new model was refused".
        lines: The sentences of the message.
    """
    try:
        title, lines = _safe(title), [_safe(line) for line in lines]
        _emit(config, kind, title, lines)
        if kind not in config.notify.on or not config.notify.urls:
            return
        outbox = _outbox.get() or _Outbox()
        for address in revealed(config.notify.urls):
            outbox.send(address, kind, title, _body(lines))
        if _outbox.get() is None:
            _warn(outbox.wait(MAX_WAIT_S))
    except Exception as error:
        logger.warning("nobody could be told %r: %s", title, _short(str(error)))


def send_test(config: Config, title: str) -> list[Delivery]:
    """Send a test message to each address of `notify.urls`, and return what became of it."""
    outbox = _Outbox()
    for address in revealed(config.notify.urls):
        outbox.send(address, "waiting", title, _body(["This is a test: fluke can send messages to this address."]))
    return outbox.wait(MAX_WAIT_S)


def _send_one(address: SecretAddress, kind: NotifyKind, title: str, body: str) -> str:
    """Send a message, and return why that failed, or an empty text."""
    from apprise import NotifyType

    text = value_of(address)
    if not text:
        return f"${address.variable} is not set"
    if SecretAddress(text).is_hidden:
        return "the address is hidden in the settings that this run was given"
    apprise_sender = sender(text)
    if apprise_sender is None:
        return "apprise can't send to such an address"
    with complaints() as reasons:
        sent = apprise_sender.notify(body=body, title=title, notify_type=NotifyType(_TYPES.get(kind, "info")))
    return "" if sent else _short(reasons[0] if reasons else "apprise doesn't say why")


def _emit(config: Config, kind: NotifyKind, title: str, lines: Sequence[str]) -> None:
    """Emit the Prefect event, which Prefect sends in a thread of its own."""
    from prefect.events import emit_event

    name = config.name or config.filter.memory or "fluke"
    emit_event(
        event=f"fluke.night.{kind}",
        resource={"prefect.resource.id": f"fluke.model.{name}", "prefect.resource.name": name},
        payload={"title": title, "lines": list(lines[:_MAX_LINES])},
    )


def _warn(deliveries: Sequence[Delivery]) -> None:
    failed = list(dict.fromkeys(f"{each.address} ({each.reason})" for each in deliveries if each.reason))
    if failed:
        logger.warning("a message could not be sent to %s; `fluke notify` tries it", "; ".join(failed))


def _body(lines: Sequence[str]) -> str:
    return "\n".join([*lines[:_MAX_LINES], "", f"fluke on {socket.gethostname()}"])


def _safe(text: str) -> str:
    return show_controls(redact(text))


def _short(text: str) -> str:
    return _safe(" ".join(text.split()))[:200]
