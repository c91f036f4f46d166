"""The Prefect server that the user has set: read as Prefect reads it, and asked whether it is one.

Prefect takes the address from the environment, `.env`, `prefect.toml`, `pyproject.toml` and the active profile. So its
own settings are asked; importing them takes a second, which every command that connects needs anyway.
"""

import io
import json
import os
import ssl
import sys
import tomllib
import urllib.error
import urllib.request
import warnings
from base64 import b64encode
from contextlib import redirect_stderr
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version
from pydantic import ValidationError

from configs.redact import redact, strip_login
from tasks.store.errors import UserError

if TYPE_CHECKING:
    from prefect.settings import Settings

_TIMEOUT_S = 30
_TRIES = 4
_MAX_BYTES = 1000
_WANTS_LOGIN = (401, 403)


def read() -> tuple["Settings", list[str]]:
    """Return Prefect's settings, and what Prefect says about them, such as that the active profile doesn't exist.

    Raises:
        UserError: A file or a value is broken.
    """
    # Else Prefect sends usage data from terminals, and says so there.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    said = io.StringIO()
    try:
        with redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            was_imported = "prefect.context" in sys.modules  # the import reads the settings, too
            import prefect.context

            if was_imported:
                prefect.context.refresh_global_settings_context()
            settings = prefect.context.get_settings_context().settings
    except (ValueError, OSError, AttributeError, TypeError, LookupError) as error:
        raise UserError(_problem(error)) from error
    return settings, [line.strip() for line in said.getvalue().splitlines() if line.strip()]


def use(address: str, login: str | None) -> None:
    """Point Prefect to a server, in this process and in those that it starts.

    Args:
        address: Its API address.
        login: What to send with each request; None: what the settings say.
    """
    os.environ["PREFECT_API_URL"] = address
    if login:
        os.environ["PREFECT_API_AUTH_STRING"] = login
    read()


def check(address: str, settings: "Settings") -> list[str]:
    """Ask a configured server whether it is one of Prefect, and which version it has.

    Returns:
        What the user should know.

    Raises:
        UserError: Nothing answers there, no Prefect server does, it wants another login, or its version is too old.
    """
    base = strip_login(address).rstrip("/")
    try:
        status, body = _ask(f"{base}/admin/version", settings)
        if status in _WANTS_LOGIN and not settings.api.key:
            raise UserError(
                f"the configured Prefect server {base} refuses the login (status {status}); set "
                "PREFECT_API_AUTH_STRING to the server's"
            )
        if status == 200 and (version := _version(body)):
            return _compare(base, version)
        if _is_prefect(f"{base}/api", settings):
            raise UserError(
                f"the configured Prefect server {base} lacks /api at the end: set PREFECT_API_URL={base}/api"
            )
        if status == 200:
            raise UserError(f"{base} answers, but not as a Prefect server; correct PREFECT_API_URL, or unset it")
    except (OSError, ValueError, HTTPException) as error:  # also an address that is none
        raise UserError(
            f"the configured Prefect server {redact(address)} does not answer; start it, or unset PREFECT_API_URL"
        ) from error
    return []  # such as Prefect Cloud, which says no version


def _is_prefect(base: str, settings: "Settings") -> bool:
    status, body = _ask(f"{base}/admin/version", settings)
    return status in _WANTS_LOGIN or (status == 200 and _version(body) is not None)


def _compare(base: str, version: Version) -> list[str]:
    """Say if a server is older than Prefect here; raise UserError if the two can't work together."""
    import prefect

    here = Version(prefect.__version__)
    if version.major != here.major:
        raise UserError(
            f"the configured Prefect server {base} has version {version}, and Prefect here {here}: they can't work "
            "together; upgrade the server"
        )
    if version.release < here.release:
        return [f"warning: the Prefect server {base} has version {version}, older than {here} here; upgrade it"]
    return []


def _version(body: bytes) -> Version | None:
    """Return the version that a server says; None for a page that is something else."""
    try:
        said = json.loads(body)
        return Version(said) if isinstance(said, str) else None
    except (ValueError, InvalidVersion):
        return None


def _ask(url: str, settings: "Settings") -> tuple[int, bytes]:
    """Return the status and the start of the body of a page, asked as Prefect's client asks."""
    headers = dict(settings.client.custom_headers)
    if settings.api.auth_string:
        headers["Authorization"] = f"Basic {b64encode(settings.api.auth_string.get_secret_value().encode()).decode()}"
    elif settings.api.key:
        headers.setdefault("Authorization", f"Bearer {settings.api.key.get_secret_value()}")
    context = ssl.create_default_context(cafile=settings.api.ssl_cert_file)
    if settings.api.tls_insecure_skip_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    tries = 0
    while True:
        tries += 1
        try:
            with opener.open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S) as response:
                return response.status, response.read(_MAX_BYTES)
        except urllib.error.HTTPError as error:
            return error.code, b""
        except OSError as error:  # a server that is busy with other runs may not answer at once
            if tries == _TRIES or not isinstance(getattr(error, "reason", error), TimeoutError):
                raise


def _problem(error: Exception) -> str:
    """Return the message for settings that Prefect can't read, with the file if it is known."""
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml")).expanduser()
    for path in (profiles, Path("prefect.toml"), Path("pyproject.toml")):
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as broken:
            return f"{path.absolute()}, which has settings of Prefect, can't be read: {broken}; correct it"
    said = str(error)
    if isinstance(error, ValidationError):  # its text has a line for each value, with the value, which may be a secret
        first = error.errors(include_input=False, include_url=False)[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return (
        f"Prefect can't read its settings ({' '.join(redact(said).split())}); correct them in {profiles}, in "
        "prefect.toml or .env here, or in the environment"
    )
