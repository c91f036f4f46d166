"""Addresses of messages: checked before a run, and hidden in everything that is shown or stored."""

import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from configs.addresses import SecretAddress
from configs.schema import Config
from flows import credentials
from tasks.store.errors import UserError

ADDRESSES = "FLUKE_NOTIFY_URLS"
"""The environment variable that hands addresses to runs that Prefect starts: its own parameters are visible to all."""


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
        if not (text := value_of(address)):
            raise UserError(
                f"notify.urls: ${given.variable} is not set, and there is no Prefect Secret block "
                f"{credentials.block_name(given.variable)!r}; set one of them"
            )
        if SecretAddress(text).is_hidden:
            raise UserError(
                f"notify.urls: {given} is what is shown of an address, not the address; write the whole of it, or $NAME"
            )
        if sender(text) is None:
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


def value_of(address: SecretAddress) -> str:
    """Return the text of an address, or that of the variable or the Secret block that it names; empty: none has it."""
    if not address.variable:
        return address.get_secret_value()
    text = credentials.secret(address.variable)
    return SecretAddress(text).get_secret_value() if text else ""  # hides it in messages from now on


def sender(text: str) -> Any:
    """Return apprise's object that sends to an address; None if it can't."""
    import apprise

    asset = apprise.AppriseAsset(app_id="fluke", app_desc="fluke", app_url="", async_mode=False)
    with complaints():
        return apprise.Apprise.instantiate(text, asset=asset, suppress_exceptions=True)


class _Complaints(logging.Handler):
    """Keeps what apprise logs in one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.messages.append(record.getMessage())


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Collect apprise's complaints of this thread, which nobody else gets: they may quote addresses."""
    of_apprise = logging.getLogger("apprise")
    of_apprise.propagate = False
    handler = _Complaints()
    of_apprise.addHandler(handler)
    try:
        yield handler.messages
    finally:
        of_apprise.removeHandler(handler)
