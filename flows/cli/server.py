"""Commands for the local Prefect server and for schedules."""

import os
from pathlib import Path
from typing import Annotated

import typer

from configs.schema import Config
from flows.cli.arguments import Overrides, Preset, load_config, preset_file
from flows.cli.errors import note, say
from flows.run_records import data_root


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
    from flows import preflight, server

    root = data_root()
    preflight.check_writable(root)
    if server.url(root) is None:
        _announce_start("about 15 s")
    address = server.up(root, port, with_key=with_key)
    _warn_of_old_server()
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
    cron: Annotated[str, typer.Option(help="When the scheduled run starts, as a cron expression.")] = "0 2 * * *",
    timezone: Annotated[str, typer.Option(help="Time zone of the cron expression.")] = "UTC",
) -> None:
    """Schedule a preset's runs, and offer each stage in the dashboard; works until Ctrl-C."""
    from flows import preflight

    loaded, name, root = load_config(preset, overrides), Path(preset).stem, data_root()
    preflight.check_writable(root)
    with preflight.only_serve(root, name):
        connect(loaded)
        from prefect import serve as serve_all

        from configs import no_effect
        from configs.load import given_settings
        from flows import deployments, server

        built = deployments.build(name, loaded, cron=cron, timezone=timezone, preset_file=preset_file(preset))
        is_our_server = os.environ["PREFECT_API_URL"] == server.url(root)
        if is_our_server:
            server.crash_zombies()
        for line in no_effect.notes(loaded, given_settings(preset, overrides or ())):
            note(f"warning: {line}")
        say(f"serving {preset}: scheduled at '{cron}' ({timezone}), and one deployment per stage; Ctrl-C stops it")
        # On a server that others share, somebody else may serve the same preset.
        serve_all(*built, pause_on_shutdown=is_our_server, print_starting_message=False)


def connect(config: Config) -> None:
    """Check a config's names, and point Prefect to the configured server, or to ours, which is started if needed."""
    from flows import credentials, preflight, server
    from flows.server import configured

    preflight.check_names(config, crawls=False)
    root = data_root()
    preflight.check_writable(root)
    # Prefect prints nothing on the terminal; `flows.console` does.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    settings, warnings = configured.read()
    for line in warnings:
        note(line)
    address, login = settings.api.url, None
    if address and not server.is_own(root, address):
        for line in configured.check(address, settings):
            note(line)
    else:
        if (address := server.url(root)) is None:
            _announce_start("about 15 s; `fluke down` stops it")
            address = server.up(root)
        _warn_of_old_server()
        login = server.login(root)
    configured.use(address, login)
    credentials.from_secret_blocks(config.crawl)
    preflight.check_names(config)


def _announce_start(how_long: str) -> None:
    from flows import server

    process = server.process_id(data_root())
    if process:
        note(f"waiting for the Prefect server (process {process}), which does not answer yet ...")
    else:
        note(f"starting the Prefect server for the dashboard ({how_long}) ...")


def _warn_of_old_server() -> None:
    from flows import server

    if not server.is_protected(data_root()):
        note(
            "warning: this data folder's Prefect server was started by an earlier version of fluke, and any user and "
            "web page of this machine can use it; to protect it: fluke down, then fluke up"
        )
