"""Tell people and automations what happens at night: messages through apprise, and Prefect events.

Nothing here makes a run fail, and nothing makes it wait for longer than `MAX_WAIT_S`.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from configs.addresses import SecretAddress
from configs.nights import NotifyKind
from configs.redact import redact
from configs.schema import Config
from flows import credentials
from tasks.store.errors import UserError
from tasks.text import show_controls

MAX_WAIT_S = 20
"""How long the end of a run waits for messages that are on their way."""
ADDRESSES = "FLUKE_NOTIFY_URLS"
"""The environment variable that hands addresses to runs that Prefect starts: its own parameters are visible to all."""
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


def prepare(config: Config) -> None:
    """Check the addresses before a run, and put them where runs that Prefect starts in other processes find them.

    Raises:
        UserError: apprise can't send to an address, or a variable is not set.
    """
    urls = config.notify.urls
    if not urls:
        return
    found = revealed(urls)
    for given, address in zip(urls, found, strict=True):
        if not (text := _value(address)):
            raise UserError(
                f"notify.urls: ${given.variable} is not set, and there is no Prefect Secret block "
                f"{credentials.block_name(given.variable)!r}; set one of them"
            )
        if SecretAddress(text).is_hidden:
            raise UserError(
                f"notify.urls: {given} is what is shown of an address, not the address; write the whole of it, or $NAME"
            )
        if _plugin(text) is None:
            raise UserError(
                f"notify.urls: apprise can't send to {given}; its kinds of addresses are at "
                "https://github.com/caronc/apprise/wiki"
            )
    os.environ[ADDRESSES] = json.dumps([address.get_secret_value() for address in found])


def revealed(urls: Sequence[SecretAddress]) -> list[SecretAddress]:
    """Return the addresses; for those that Prefect has stored hidden, what `prepare` has put into the environment."""
    known = [SecretAddress(text) for text in _texts(os.environ.get(ADDRESSES, ""))]
    found = []
    for address in urls:
        match = next((each for each in known if address.is_hidden and str(each) == str(address)), None)
        if match:
            known.remove(match)  # two addresses may look the same
        found.append(match or address)
    return found


def _texts(value: str) -> list[str]:
    try:
        found = json.loads(value or "[]")
    except ValueError:
        return []
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _value(address: SecretAddress) -> str:
    """Return the text of an address, or that of the variable or the Secret block that it names; empty: none has it."""
    if not address.variable:
        return address.get_secret_value()
    text = credentials.secret(address.variable)
    return SecretAddress(text).get_secret_value() if text else ""  # hides it in messages from now on


def _send_one(address: SecretAddress, kind: NotifyKind, title: str, body: str) -> str:
    """Send a message, and return why that failed, or an empty text."""
    from apprise import NotifyType

    text = _value(address)
    if not text:
        return f"${address.variable} is not set"
    if SecretAddress(text).is_hidden:
        return "the address is hidden in the settings that this run was given"
    plugin = _plugin(text)
    if plugin is None:
        return "apprise can't send to such an address"
    with _reasons() as reasons:
        sent = plugin.notify(body=body, title=title, notify_type=NotifyType(_TYPES.get(kind, "info")))
    return "" if sent else _short(reasons[0] if reasons else "apprise doesn't say why")


def _plugin(text: str) -> Any:
    """Return apprise's object that sends to an address; None if it can't."""
    import apprise

    asset = apprise.AppriseAsset(app_id="fluke", app_desc="fluke", app_url="", async_mode=False)
    with _reasons():
        return apprise.Apprise.instantiate(text, asset=asset, suppress_exceptions=True)


class _Reasons(logging.Handler):
    """Keeps what apprise logs in one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.messages.append(record.getMessage())


@contextmanager
def _reasons() -> Iterator[list[str]]:
    """Collect apprise's complaints of this thread, which nobody else gets: they may quote addresses."""
    of_apprise = logging.getLogger("apprise")
    of_apprise.propagate = False
    handler = _Reasons()
    of_apprise.addHandler(handler)
    try:
        yield handler.messages
    finally:
        of_apprise.removeHandler(handler)


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
