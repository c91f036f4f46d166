"""Keep passwords out of what is printed, logged and stored: those in addresses, and those of the environment.

An address may contain a login, as in https://name:password@host/. The environment has addresses of proxies and of the
Prefect server, and its key. Libraries quote them in their messages. Addresses of messages (`notify.urls`) are secrets
as a whole, because a webhook's path is its password.
"""

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TextIO, cast
from urllib.parse import quote, unquote

_HIDDEN = "***"
_LOGIN = re.compile(
    r"""(?i)(?<![a-z0-9])(https?:/+|[a-z][a-z0-9+.-]*:/{2,3})   # a Path has only one /
    (?: [^\s/?#\[:@]*:(?![0-9]{1,5}(?:[/?#\s"'<>)\]},;]|$))[^\s"'<>]*@   # a password may contain / ? or #, unescaped
      | [^\s/?#"'<>]*@ )""",
    re.VERBOSE,
)
"""An address up to the end of its login."""
_SECRET_NAME = re.compile(r"(KEY|AUTH_STRING|PASSWORD|TOKEN|SECRET|CUSTOM_HEADERS)$")
address_pattern = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
"""An address of messages."""
_HAS_HOST = frozenset(
    f"{name}{s}" for name in ("http", "json", "xml", "form", "mailto", "ntfy", "gotify", "matrix") for s in ("", "s")
)
"""What the first part of an address of messages is a host for; for the others it may be a key, as in slack://KEY."""
_HOST = re.compile(r"(?:[^/?#@]*@)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|localhost|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?")
_MIN_CHARACTERS = 4
"""A shorter secret is hidden only in addresses: it would be found in many words."""
_WORD_CHARACTERS = 10
"""A shorter secret is hidden only where it is a word of its own."""


_hidden_addresses: dict[str, str] = {}
"""Addresses of messages, and the keys in them -> what is shown in their place."""


def redact(text: str) -> str:
    """Replace logins in addresses, and passwords and keys of the environment, by ***."""
    for secret, shown in _hidden_addresses.items():
        text = text.replace(secret, shown)
    if "@" in text:
        text = _LOGIN.sub(rf"\1{_HIDDEN}@", text)
    secrets = _of_environment()
    return secrets.sub(_HIDDEN, text) if secrets else text


def hidden_address(address: str) -> str:
    """Return what may be shown of an address of messages: how it is sent, and to which host if it names one."""
    scheme, _, rest = address.partition("://")
    host = _HOST.match(rest) if scheme.lower() in _HAS_HOST else None
    return f"{scheme}://{host[1]}{host[2] or ''}/{_HIDDEN}" if host else f"{scheme}://{_HIDDEN}"


def hide_address(address: str) -> None:
    """Let `redact` hide an address of messages from now on, and the passwords and keys in it wherever they stand."""
    shown = hidden_address(address)
    if address == shown or "://" not in address:
        return
    _hidden_addresses[address] = shown
    rest = address.partition("://")[2].partition("#")[0]
    logins = (rest.partition("@")[0], rest.rpartition("@")[0]) if "@" in rest else ()
    passwords = [login.partition(":")[2] for login in logins]
    keys = [part for part in re.split("[/?&=@:]", rest) if len(part) >= _WORD_CHARACTERS and re.search("[0-9]", part)]
    visible = shown.partition("://")[2]
    for key in [*passwords, *keys]:
        if len(key) >= _MIN_CHARACTERS and key not in visible:
            _hidden_addresses.update({key: _HIDDEN, unquote(key): _HIDDEN})


def strip_login(address: str) -> str:
    """Remove the login from an address: fluke sends none, so it only could be seen by others."""
    return _LOGIN.sub(r"\1", address) if "@" in address else address


def redact_exception(error: BaseException) -> None:
    """Redact the texts of an exception and of those that led to it; whoever logs it later prints no password."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        if not isinstance(current, UnicodeError):  # its arguments must keep their lengths
            current.args = tuple(redact(part) if isinstance(part, str) else part for part in current.args)
        if isinstance(current, OSError) and isinstance(current.strerror, str):
            current.strerror = redact(current.strerror)  # it prints this instead of its arguments
        todo += [current.__cause__, current.__context__]


class _Redacting:
    """A text stream that redacts what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redacting(stream: TextIO) -> TextIO:
    """Return a stream that redacts what is written to it, in other things like the given one."""
    return cast(TextIO, _Redacting(stream))


def _of_environment() -> re.Pattern[str] | None:
    relevant = tuple(
        (name, value) for name, value in os.environ.items() if name.startswith("PREFECT_") or _is_proxy(name)
    )
    return _pattern(relevant)


def _is_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy") and name.lower() != "no_proxy"


@lru_cache(maxsize=4)
def _pattern(variables: tuple[tuple[str, str], ...]) -> re.Pattern[str] | None:
    """Return a pattern of the secrets in some variables; None if there are none."""
    secrets: set[str] = set()
    for name, given in variables:
        value = given.strip()
        if _SECRET_NAME.search(name):
            secrets |= _spellings(value) | {part for text in _texts(value) for part in _spellings(text)}
        elif "@" in value and ("://" in value or _is_proxy(name)):
            secrets |= _spellings(value.partition("://")[2].rpartition("@")[0] or value.rpartition("@")[0])
    long = [secret for secret in secrets if len(secret) >= _MIN_CHARACTERS]
    parts = [
        re.escape(secret) if len(secret) >= _WORD_CHARACTERS else rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])"
        for secret in sorted(long, key=lambda secret: (-len(secret), secret))
    ]
    return re.compile("|".join(parts)) if parts else None


def _spellings(login: str) -> set[str]:
    """Return how a login, `name:password`, or a key may be spelt in messages and headers."""
    password = login.partition(":")[2]
    found = set()
    for text in filter(None, (login, password)):
        found |= {text, unquote(text), quote(unquote(text)), quote(unquote(text), safe="")}
    found |= {b64encode(text.encode(errors="surrogateescape")).decode() for text in {login, unquote(login)} if password}
    # A client that takes a part of the password for a host or a port quotes that part.
    found |= {part for part in re.split("[/?#@:]", password) if part}
    return found


def _texts(value: str) -> list[str]:
    """Return the values of a JSON object, such as headers."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return [text for text in found.values() if isinstance(text, str)] if isinstance(found, dict) else []
