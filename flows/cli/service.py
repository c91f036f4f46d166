"""Commands that let systemd run `fluke serve` after every start of the machine."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from configs.errors import ConfigError
from flows.cli.arguments import Overrides, Preset, load_config, preset_file
from flows.cli.errors import note, say
from flows.cli.server import Cron, Missed, MissedOption, Timezone
from flows.run_records import data_root
from tasks.store.bucket import copies
from tasks.store.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Let systemd run `fluke serve` after every start of the machine.")


@app.command()
def install(
    preset: Preset,
    overrides: Overrides = None,
    cron: Cron = "0 2 * * *",
    timezone: Timezone = "UTC",
    missed: MissedOption = Missed.RUN,
) -> None:
    """Write a systemd user unit that runs `fluke serve` with this preset and data folder, and start it."""
    from configs.load import model_name
    from flows import preflight
    from flows.serve import systemd_unit

    loaded, root = load_config(preset, overrides), data_root()
    if copy := copies.of(root):
        raise UserError(
            f"FLUKE_DATA={copy.url}: a service has no credentials for a bucket; start `fluke serve` in another way, "
            "such as a unit of your own with the credentials in its environment"
        )
    preflight.check_writable(root)
    preflight.check_names(loaded, crawls=False)
    name = model_name(loaded, preset)
    arguments = [preset_file(preset) or preset, *(overrides or ())]
    options = ["--cron", cron, "--timezone", timezone, "--missed", missed.value]
    unit = systemd_unit.unit(name, root)
    left = systemd_unit.install(unit, systemd_unit.text(name, [*arguments, *options], root, Path.cwd(), os.environ))
    say(f"wrote {unit.path}")
    if left:
        _say_rest(left)
    else:
        say(f"{name} is served, now and after every start; its log: journalctl --user -u {unit.name}")


@app.command("list")
def list_units() -> None:
    """List the names that systemd serves with this data folder."""
    from flows.serve import systemd_unit

    root = data_root()
    names = systemd_unit.installed(root)
    say(*names or [f"systemd serves nothing with the data folder {root}; `fluke service install PRESET` lets it"])


@app.command()
def remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME|PRESET", help="What `fluke service list` shows, or the preset that has it.")
    ],
    overrides: Overrides = None,
) -> None:
    """Stop and delete the systemd user unit of a name, or of a preset, with this data folder."""
    from configs.load import model_name
    from flows.serve import systemd_unit

    root = data_root()
    names = systemd_unit.installed(root)
    if name not in names:  # then it may be a preset, whose settings give the name
        try:
            name = model_name(load_config(name, overrides), name)
        except ConfigError:
            if overrides or name.lower().endswith((".yaml", ".yml")):
                raise
    if name not in names:
        known = f"it serves {', '.join(names)}" if names else "it serves nothing"
        raise UserError(f"systemd doesn't serve {name!r} with the data folder {root}; {known}")
    unit = systemd_unit.unit(name, root)
    left = systemd_unit.remove(unit)
    say(f"deleted {unit.path}")
    if left:
        _say_rest(left)


def _say_rest(commands: Sequence[Sequence[str]]) -> None:
    note("systemd could not be asked to do the rest; run this in a login session of yours:")
    say(*(shlex.join(command) for command in commands))
