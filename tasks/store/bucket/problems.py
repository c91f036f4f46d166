"""What an error of a bucket means: whether trying again may help, and what the user can do."""

import os
import re
from typing import Literal

from configs.redact import redact
from tasks.store.errors import UserError

Kind = Literal[
    "missing",
    "no bucket",
    "conflict",
    "expired",
    "denied",
    "wrong credentials",
    "no credentials",
    "clock",
    "passing",
    "other",
]

_CODE = re.compile(r"<Code>(\w+)</Code>|\"error\":\s*\"(\w+)\"")
_STATUS = re.compile(r"status code: (\d{3})")
_KINDS: dict[str, Kind] = {
    "NoSuchBucket": "no bucket",
    "ContainerNotFound": "no bucket",
    "ExpiredToken": "expired",
    "ExpiredTokenException": "expired",
    "TokenRefreshRequired": "expired",
    "InvalidToken": "expired",
    "InvalidAccessKeyId": "wrong credentials",
    "SignatureDoesNotMatch": "wrong credentials",
    "AuthenticationFailed": "wrong credentials",
    "AccessDenied": "denied",
    "RequestTimeTooSkewed": "clock",
    "RequestTimeout": "passing",
    "SlowDown": "passing",
    "ConditionalRequestConflict": "passing",
    "OperationAborted": "passing",
}
"""By the code that the server gives."""
_PASSING = frozenset({"408", "409", "429", "500", "502", "503", "504"})
_NO_CREDENTIALS = re.compile(r"must be specified|Missing (AccessKeyId|SecretAccessKey|Bearer)")
_TOKEN_PLACES = ("169.254.169.254", "token request", "/latest/api/token", "metadata.google.internal")
"""Where credentials are looked for when the environment has none."""
_LONG = 160
"""So many characters of an unknown error are shown."""
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")

_UNREACHABLE = "the server can't be reached"
_REMEDIES: dict[Kind, str] = {
    "no bucket": "there is no such bucket; create it, or correct the URL",
    "expired": (
        "the credentials have expired or are not valid; log in again, and run the same command again: it continues"
    ),
    "denied": "the credentials don't allow this; give them read, write and delete rights on the bucket, or use others",
    "wrong credentials": "the server doesn't know these credentials; correct {variables}",
    "no credentials": "no credentials were found; set {variables}, or use a machine with a role",
    "clock": "this machine's clock differs from that of the server; set it, and run the same command again",
}


_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS to the path of a service account's key",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Where credentials are, by the scheme of the URL."""


def endpoint() -> tuple[str, str]:
    """Return the variable with which the user has named another S3 server, and its URL; both are empty without one."""
    return next(((name, os.environ[name]) for name in _ENDPOINTS if os.environ.get(name)), ("", ""))


class BucketError(UserError):
    """Something is wrong with a bucket; the message names the URL, the reason and the remedy."""


def kind_of(error: BaseException) -> Kind:
    """Say what kind of problem an exception of obstore is."""
    from obstore import exceptions

    text = str(error)
    found, status = _CODE.search(text), _STATUS.search(text)
    kind = _KINDS.get(found[1] or found[2]) if found else None
    if status and status[1] == "400" and not found:  # an answer to HEAD has no body that would give the code
        kind = "expired"
    if kind:
        return kind
    if isinstance(error, exceptions.AlreadyExistsError | exceptions.PreconditionError):
        return "passing" if status and status[1] == "409" else "conflict"
    if any(place in text for place in _TOKEN_PLACES) or _NO_CREDENTIALS.search(text):
        return "no credentials"
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return "denied"
    if isinstance(error, FileNotFoundError):
        return "missing"
    passes = isinstance(error, exceptions.BaseError) and (not status or status[1] in _PASSING)
    return "passing" if passes else "other"


def bucket_error(url: str, error: BaseException, tries: int = 1) -> BucketError:
    """Return the error for the user.

    Args:
        url: The object or bucket that it is about.
        error: What obstore has raised.
        tries: How often it was tried.
    """
    kind = kind_of(error)
    if kind in _REMEDIES:
        variables = _VARIABLES.get(url.partition("://")[0], "")
        return BucketError(f"{url}: {_REMEDIES[kind].format(variables=variables)}")
    why = reason_of(error)
    if kind == "passing":
        check = _check(url) if why == _UNREACHABLE else ""
        return BucketError(f"{url}: {why}, after {tries} tries; {check}run the same command again later: it continues")
    return BucketError(f"{url}: {why}; check the URL and the server's settings")


def _check(url: str) -> str:
    """Return what to check if the server of a URL can't be reached."""
    name, address = endpoint() if url.startswith("s3:") else ("", "")
    return f"check {name}={redact(address)} and the network, or " if name else "check the network, or "


def reason_of(error: BaseException) -> str:
    """Return the server's words on one line, without the debug output that obstore adds."""
    text = str(error).partition("\n\nDebug source")[0]
    if found := _STATUS.search(text):
        code = _CODE.search(text)
        return f"the server answers {found[1]}{f' {code[1] or code[2]}' if code else ''}"
    if "operation timed out" in str(error) or "TimedOut" in str(error):
        return "the server does not answer in time"
    if "error sending request" in text:
        return _UNREACHABLE
    if "decoding response body" in text or "end of file" in text or "request or response body" in text:
        return "the connection was cut"
    return " ".join(redact(text).split())[:_LONG]
