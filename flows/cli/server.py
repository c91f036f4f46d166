"""Commands for the local Prefect server and for schedules."""

import os
from pathlib import Path
from typing import Annotated

import typer

from configs.schema import Config
from flows.cli.arguments import Overrides, Preset, load_config, preset_file
from flows.cli.errors import note, say
from flows.run_records import data_root
from tasks.store.errors import UserError


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
    cron: Annotated[str, typer.Option(help="When the scheduled run starts, as a cron expression.")] = "0 2 * * *",
    timezone: Annotated[str, typer.Option(help="Time zone of the cron expression.")] = "UTC",
) -> None:
    """Schedule a preset's runs, and offer each stage in the dashboard; works until Ctrl-C."""
    from flows import preflight

    loaded, name, root = load_config(preset, overrides), Path(preset).stem, data_root()
    preflight.check_writable(root)
    with preflight.only_serve(root, name):
        connect(loaded)
        os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = "30"
        from configs import no_effect
        from configs.load import given_settings
        from flows import console, deployments, server, server_watch, serving

        built = deployments.build(name, loaded, cron=cron, timezone=timezone, preset_file=preset_file(preset))
        is_our_server = os.environ["PREFECT_API_URL"] == server.url(root)
        if is_our_server:
            server.crash_zombies()
        for line in no_effect.notes(loaded, given_settings(preset, overrides or ())):
            note(f"warning: {line}")
        say(f"serving {preset}: scheduled at '{cron}' ({timezone}), and one deployment per stage; Ctrl-C stops it")
        # On a server that others share, somebody else may serve the same preset.
        console.show_messages()
        with server_watch.kept_running(root, os.environ["PREFECT_API_URL"]):
            serving.serve(built, pause_on_shutdown=is_our_server)


def connect(config: Config) -> None:
    """Check a config's names, and point Prefect to the configured server, or to ours, which is started if needed.

    Call this before Prefect is imported: it reads the environment then.
    """
    from flows import credentials, preflight, server

    preflight.check_names(config, crawls=False)
    root = data_root()
    preflight.check_writable(root)
    # Prefect prints nothing on the terminal; `flows.console` does.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    # How long Prefect waits at the start of a run: about a minute for each request. The defaults are 7 minutes.
    os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", "15")
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "3")
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
    credentials.from_secret_blocks(config.crawl)
    preflight.check_names(config)


def _announce_start(how_long: str) -> None:
    from flows import server

    process = server.process_id(data_root())
    if process:
        note(f"waiting for the Prefect server (process {process}), which does not answer yet ...")
    else:
        note(f"starting the Prefect server for the dashboard ({how_long}) ...")
