"""The Prefect server that a run would use: the configured one, or that of the data folder."""

from collections.abc import Iterator
from pathlib import Path

from configs.redact import redact
from flows import server
from flows.doctor.finding import Finding
from tasks.store.errors import UserError

_WHAT = "server"


def examine(root: Path) -> Iterator[Finding]:
    """Ask the server, as the start of a run does, but start none."""
    from flows.server import configured

    seen = "Prefect's settings"
    try:
        settings, warnings = configured.read()
        for line in warnings:
            yield Finding(_WHAT, seen, line)
        address = settings.api.url
        if address and not server.is_own(root, address):
            seen = f"{redact(address)}, as Prefect's settings say"
            older = configured.check(address, settings)
            yield Finding(_WHAT, seen, "; ".join(older))
        else:
            yield _own(root)
    except UserError as error:
        yield Finding(_WHAT, seen, str(error), stops_runs=True)


def _own(root: Path) -> Finding:
    """Look at the data folder's own server.

    Raises:
        UserError: This user may not use it.
    """
    process, address = server.process_id(root), server.url(root)
    if process is None:
        return Finding(_WHAT, "not running; a run starts it")
    if address is None:
        return Finding(
            _WHAT,
            f"process {process}",
            "it is running, but does not answer; `fluke down` stops it, and a run then starts another",
            stops_runs=True,
        )
    if not server.is_protected(root):
        return Finding(
            _WHAT,
            f"{address} (process {process})",
            "an earlier version of fluke has started it, and any user and web page of this machine can use it; to "
            "protect it: fluke down, then fluke up",
        )
    with_key = "with a key" if server.login(root) else "without a key"
    return Finding(_WHAT, f"{address} (process {process}), {with_key}")
