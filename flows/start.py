"""Start a run in this process, shown on a Prefect server: what `fluke run` and `fluke.run` share."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from configs.schema import Config, StageName
from flows import credentials, notify, preflight, server
from flows.reminders import reminding
from flows.run_records import RunRecord, data_root
from flows.server import configured
from tasks.store.progress import Progress

Announce = Callable[[str], None]


def run(
    config: Config,
    *,
    preset: str,
    until: StageName = "evaluate",
    fresh: Sequence[StageName] = (),
    verify: bool = False,
    preset_file: str = "",
    given: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> RunRecord:
    """Run the pipeline; `connect` must have been called.

    Args:
        config: Every setting.
        preset: The name of the run.
        until: The last stage to run.
        fresh: Stages to build again although the store contains them.
        verify: Compare stored files with their SHA-256 before reuse.
        preset_file: Absolute path of the preset's YAML file, if it has one.
        given: Dotted names of the settings that the user gave; None: those that differ from the preset's.
        notes: What the report says about the user's settings.

    Returns:
        The record of the run.
    """
    from flows import run as flow
    from flows.dashboard import engine

    with _set(flow.said_before, notes), _set(flow.given_settings, given):
        return engine.call(
            flow.pipeline,
            config,
            preset=preset,
            until=until,
            fresh=list(fresh),
            verify=verify,
            preset_file=preset_file,
        )


@contextmanager
def shown(progress: Progress) -> Iterator[None]:
    """Keep the server running while a flow runs in the block, show the flow's progress, and send the last of it."""
    from flows import run as flow
    from flows.dashboard import sender
    from flows.server import watch

    with watch.kept_running(data_root(), os.environ["PREFECT_API_URL"]), _set(flow.extra_progress, progress):
        yield
        sender.flush()


@contextmanager
def _set(variable: ContextVar[Any], value: object) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)


def connect(config: Config, announce: Announce) -> None:
    """Check a config's names, and point Prefect to the configured server, or to ours, which is started if needed.

    Args:
        config: Every setting of the run.
        announce: Receives lines for the user, such as that the server is started.

    Raises:
        UserError: A name is unknown, the data folder can't be written, or the server doesn't answer.
    """
    preflight.check_names(config, crawls=False)
    root = data_root()
    preflight.check_writable(root)
    # Prefect prints nothing on the terminal; `flows.console` does.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")  # such as a request that timed out
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    # With Prefect's five retries, a run waits at its start for 3 minutes at most; the default of 60 s gives 7.
    os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", "15")
    settings, warnings = configured.read()
    for line in warnings:
        announce(line)
    address, login = settings.api.url, None
    if address and not server.is_own(root, address):
        for line in configured.check(address, settings):
            announce(line)
    else:
        if (address := server.url(root)) is None:
            with announced_start("about 15 s; `fluke down` stops it", announce):
                address = server.up(root)
        warn_of_old_server(announce)
        login = server.login(root)
    configured.use(address, login)
    credentials.from_secret_blocks(config.crawl)
    preflight.check_names(config)
    notify.prepare(config)


@contextmanager
def announced_start(how_long: str, announce: Announce, every_s: float = 30) -> Iterator[None]:
    """Say that the server is started, or waited for; then say at intervals that it still is, until the block ends."""
    process = server.process_id(data_root())
    if process:
        announce(f"waiting for the Prefect server (process {process}), which does not answer yet ...")
    else:
        announce(f"starting the Prefect server for the dashboard ({how_long}) ...")
    with reminding("still waiting for the Prefect server", announce, every_s):
        yield


def warn_of_old_server(announce: Announce) -> None:
    """Warn if the data folder's server doesn't check who asks."""
    if not server.is_protected(data_root()):
        announce(
            "warning: this data folder's Prefect server was started by an earlier version of fluke, and any user and "
            "web page of this machine can use it; to protect it: fluke down, then fluke up"
        )
