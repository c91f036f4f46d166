"""Commands for the local Prefect server and for schedules."""

import os
import shlex
import signal
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from configs.schema import Config
from flows.cli.arguments import Overrides, Preset, load_config, preset_file
from flows.cli.errors import note, say
from flows.cli.imports import without_collections
from flows.run_records import data_root


class Missed(StrEnum):
    """What `fluke serve` does about a scheduled run that was missed while nobody served."""

    RUN = "run"
    SKIP = "skip"


Cron = Annotated[str, typer.Option(help="When the scheduled run starts, as a cron expression.")]
Timezone = Annotated[str, typer.Option(help="Time zone of the cron expression.")]
MissedOption = Annotated[
    Missed,
    typer.Option("--missed", help="If the last run was missed - run: start it now. skip: wait for the next one."),
]


def up(
    port: Annotated[
        int | None, typer.Option(min=1024, max=65535, help="Default: that of the last time, at first 4200.")
    ] = None,
    with_key: Annotated[
        bool | None,
        typer.Option(
            "--key/--no-key",
            help="Whether other users of this machine need a key. Default: as the last time, at first yes.",
        ),
    ] = None,
) -> None:
    """Start the local Prefect server for the dashboard and for schedules."""
    from flows import preflight, server, start

    root = data_root()
    preflight.check_writable(root)
    with start.announced_start("about 15 s", note) if server.url(root) is None else nullcontext():
        address = server.up(root, port, with_key=with_key)
    start.warn_of_old_server(note)
    login = server.login(root)
    if login and os.environ.get("PREFECT_API_AUTH_STRING") == login:
        del os.environ["PREFECT_API_AUTH_STRING"]  # else the link is printed with *** in place of the key
    say(f"dashboard: {server.dashboard(address.removesuffix('/api'), login)}")
    if login:
        note("This address contains the key: give it to nobody who shouldn't start runs as you.")
    note(f"For Prefect's own commands: export {server.variables(root, address, login)}")


def down() -> None:
    """Stop the local Prefect server."""
    from flows import server

    say("stopped" if server.down(data_root()) else "this data folder's server was not running")


def serve(
    preset: Preset,
    overrides: Overrides = None,
    cron: Cron = "0 2 * * *",
    timezone: Timezone = "UTC",
    if_missed: MissedOption = Missed.RUN,
) -> None:
    """Schedule a preset's runs, and offer each stage in the dashboard; works until Ctrl-C."""
    from configs.load import model_name
    from flows import preflight

    loaded, root = load_config(preset, overrides), data_root()
    name = model_name(loaded, preset)
    preflight.check_writable(root)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Prefect's runner takes it over
    with preflight.only_serve(root, name):
        connect(loaded)
        from prefect.client.orchestration import get_client

        from configs import no_effect
        from configs.given import given_settings
        from flows import console, gpu_limit, server
        from flows.serve import deployments, missed, owner, runner
        from flows.server import watch

        built = deployments.build(
            Path(preset).stem,
            loaded,
            cron=cron,
            timezone=timezone,
            preset_file=preset_file(preset),
            owner=owner.sentence(root),
            skip_if_late=if_missed is Missed.SKIP,
        )
        address, now = os.environ["PREFECT_API_URL"], datetime.now(UTC)
        is_our_server = address == server.url(root)
        login = server.login(root) if is_our_server else None
        with get_client(sync_client=True) as client:
            standing = owner.read(client, built[0])
            owner.refuse_if_served(standing, name, root, now)
            overdue = missed.find(client, standing, cron, timezone, now)
            missed.delete_late(client, standing, now)
            if is_our_server and gpu_limit.has_gpu():
                gpu_limit.create(client)
        for line in no_effect.notes(loaded, given_settings(preset, overrides or ())):
            note(f"warning: {line}")
        with runner.until_stopped(say, preset):
            say(f"serving {preset}: scheduled at '{cron}' ({timezone}), and one deployment per stage; Ctrl-C stops it")
            start = f"prefect deployment run {shlex.quote(built[0].full_name)}"
            say(f"to start a run now: {server.variables(root, address, login)} {start}")
            if overdue:
                what = "it starts now" if if_missed is Missed.RUN else "it is skipped"
                note(f"the run of {overdue:%Y-%m-%d %H:%M} ({timezone}) was missed; {what}")
            # On a server that others share, somebody else may serve the same preset.
            console.show_messages()
            with watch.kept_running(root, address):
                runner.serve(
                    built, pause_on_shutdown=is_our_server, start_first=bool(overdue) and if_missed is Missed.RUN
                )


def connect(config: Config) -> None:
    """Check a config's names, and point Prefect to a server, see `flows.start.connect`."""
    with without_collections():
        from flows import start

        start.connect(config, note)
