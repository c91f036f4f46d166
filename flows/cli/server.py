"""Commands for the local Prefect server and for schedules."""

import os
import shlex
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from configs.schema import Config
from flows.cli.arguments import Overrides, Preset, load_config, preset_file
from flows.cli.errors import note, say
from flows.run_records import data_root
from tasks.store.errors import UserError


class Missed(StrEnum):
    """What `fluke serve` does about a scheduled run that was missed while nobody served."""

    RUN = "run"
    SKIP = "skip"


Cron = Annotated[str, typer.Option(help="When the scheduled run starts, as a cron expression.")]
Timezone = Annotated[str, typer.Option(help="Time zone of the cron expression.")]
MissedOption = Annotated[
    Missed, typer.Option(help="If the last run was missed - run: start it now. skip: wait for the next one.")
]


def up(
    port: Annotated[int | None, typer.Option(min=1024, max=65535, help="Default: 4200, or any free port.")] = None,
) -> None:
    """Start the local Prefect server for the dashboard and for schedules."""
    from flows import preflight, server

    preflight.check_writable(data_root())
    if server.url(data_root()) is None:
        _announce_start("about 15 s")
    address = server.up(data_root(), port)
    say(f"dashboard: {address.removesuffix('/api')}")


def down() -> None:
    """Stop the local Prefect server."""
    from flows import server

    say("stopped" if server.down(data_root()) else "this data folder's server was not running")


def serve(
    preset: Preset,
    overrides: Overrides = None,
    cron: Cron = "0 2 * * *",
    timezone: Timezone = "UTC",
    missed: MissedOption = Missed.RUN,
) -> None:
    """Schedule a preset's runs, and offer each stage in the dashboard; works until Ctrl-C."""
    from flows import preflight

    loaded, name, root = load_config(preset, overrides), Path(preset).stem, data_root()
    preflight.check_writable(root)
    with preflight.only_serve(root, name):
        connect(loaded)
        from prefect.client.orchestration import get_client

        from configs import no_effect
        from configs.load import given_settings
        from flows import deployments, gpu, server, serving

        built = deployments.build(
            name, loaded, cron=cron, timezone=timezone, preset_file=preset_file(preset), owner=serving.owner(root)
        )
        address, now = os.environ["PREFECT_API_URL"], datetime.now(UTC)
        is_our_server = address == server.url(root)
        with get_client(sync_client=True) as client:
            standing = serving.read(client, name)
            serving.refuse_if_served(standing, name, root, now)
            overdue = serving.missed(client, standing, cron, timezone, now)
            serving.delete_late(client, standing, now)
            if is_our_server and gpu.is_there():
                serving.limit_gpu(client)
        for line in no_effect.notes(loaded, given_settings(preset, overrides or ())):
            note(f"warning: {line}")
        say(f"serving {preset}: scheduled at '{cron}' ({timezone}), and one deployment per stage; Ctrl-C stops it")
        start = f"prefect deployment run {shlex.quote(built[0].full_name)}"
        say(f"to start a run now: {_environment(address, root)} {start}")
        if overdue:
            what = "it starts now" if missed is Missed.RUN else "it is skipped"
            note(f"the run of {overdue:%Y-%m-%d %H:%M} ({timezone}) was missed; {what}")
        # On a server that others share, somebody else may serve the same preset.
        serving.serve(built, pause_on_shutdown=is_our_server, start_first=bool(overdue) and missed is Missed.RUN)


def _environment(address: str, root: Path) -> str:
    """Return what Prefect's commands need in front of them to reach a server."""
    from flows import server

    key = root / "server" / "key"
    login = (
        f'PREFECT_API_AUTH_STRING="$(cat {shlex.quote(str(key))})" '
        if key.exists() and address == server.url(root)
        else ""
    )
    return f"{login}PREFECT_API_URL={shlex.quote(address)}"


def connect(config: Config) -> None:
    """Check a config's names, and point Prefect to the configured server, or to ours, which is started if needed.

    Call this before Prefect is imported: it reads the environment then.
    """
    from flows import credentials, notify, preflight, server

    preflight.check_names(config, crawls=False)
    root = data_root()
    preflight.check_writable(root)
    # Prefect prints nothing on the terminal; `flows.console` does.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    configured = os.environ.get("PREFECT_API_URL") or server.configured_url()
    if configured and not server.reachable(configured):
        raise UserError(
            f"the configured Prefect server {configured} does not answer; start it, or unset PREFECT_API_URL"
        )
    address = configured or server.url(root)
    if address is None:
        _announce_start("about 15 s; `fluke down` stops it")
        address = server.up(root)
    os.environ["PREFECT_API_URL"] = address
    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = "30"
    credentials.from_secret_blocks(config.crawl)
    preflight.check_names(config)
    notify.prepare(config)
    if address == server.url(root):
        server.crash_zombies()


def _announce_start(how_long: str) -> None:
    from flows import server

    process = server.process_id(data_root())
    if process:
        note(f"waiting for the Prefect server (process {process}), which does not answer yet ...")
    else:
        note(f"starting the Prefect server for the dashboard ({how_long}) ...")
