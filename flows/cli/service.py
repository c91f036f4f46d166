"""Commands that let systemd run `fluke serve` after every start of the machine."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import typer

from flows.cli.arguments import Overrides, Preset, load_config, preset_file
from flows.cli.errors import note, say
from flows.cli.server import Cron, Missed, MissedOption, Timezone
from flows.run_records import data_root

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
    from flows.serve import systemd

    loaded, root = load_config(preset, overrides), data_root()
    preflight.check_writable(root)
    preflight.check_names(loaded, crawls=False)
    name = model_name(loaded, preset)
    arguments = [preset_file(preset) or preset, *(overrides or ())]
    options = ["--cron", cron, "--timezone", timezone, "--missed", missed.value]
    unit = systemd.unit(name, root)
    left = systemd.install(unit, systemd.text(name, [*arguments, *options], root, Path.cwd(), os.environ))
    say(f"wrote {unit.path}")
    if left:
        _say_rest(left)
    else:
        say(f"{name} is served, now and after every start; its log: journalctl --user -u {unit.name}")


@app.command()
def remove(preset: Preset, overrides: Overrides = None) -> None:
    """Stop and delete the systemd user unit of a preset and this data folder."""
    from configs.load import model_name
    from flows.serve import systemd

    unit = systemd.unit(model_name(load_config(preset, overrides), preset), data_root())
    left = systemd.remove(unit)
    say(f"deleted {unit.path}")
    if left:
        _say_rest(left)


def _say_rest(commands: Sequence[Sequence[str]]) -> None:
    note("systemd could not be asked to do the rest; run this in a login session of yours:")
    say(*(shlex.join(command) for command in commands))
