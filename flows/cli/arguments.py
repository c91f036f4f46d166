"""Arguments and options that several commands share, and how they are read."""

from pathlib import Path
from typing import Annotated

import typer

from configs.schema import STAGE_NAMES, Config, StageName
from flows.cli.errors import note
from tasks.store.errors import UserError

Preset = Annotated[
    str, typer.Argument(help="Name of a preset (`fluke config` lists them), or path of a YAML file.", metavar="PRESET")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Settings to change, such as train.epochs=5.", metavar="[SECTION.SETTING=VALUE]..."),
]
Fresh = Annotated[
    list[str] | None,
    typer.Option("--fresh", metavar="STAGE", help="Build this stage again even if it is cached; repeatable."),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Compare cached files with their SHA-256 before reuse, not only their size.")
]
LabelledPhotos = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER|FILE",
        help="Folders of classes, a zip or tar file of them, a CSV, annotations in JSON, or a dataset.",
    ),
]
StageArgument = Annotated[str, typer.Argument(metavar="STAGE", help=f"One of {', '.join(STAGE_NAMES)}.")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|RUN",
        help="Name of models (`fluke models` lists them): the one that is used; or a run, or a name of `fluke name`. "
        "Default: the only name.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]


def load_config(preset: str, overrides: list[str] | None) -> Config:
    """Load a preset with overrides; the import of the loader waits until a command needs it."""
    from configs.load import load

    loaded = load(preset, overrides or ())
    for line in setting_notes(preset, overrides):
        note(f"warning: {line}")
    return loaded


def setting_notes(preset: str, overrides: list[str] | None) -> list[str]:
    """Return a line for each thing in a file or an override that is read otherwise than a user may have meant it."""
    from configs.given import doubtful_comments
    from configs.overrides import replaced_overrides

    return [*doubtful_comments(preset), *replaced_overrides(overrides or ())]


def preset_file(preset: str) -> str:
    """Return the absolute path of a preset's YAML file; an empty text for a preset that comes with fluke."""
    return str(Path(preset).absolute()) if preset.lower().endswith((".yaml", ".yml")) else ""


def stage_name(name: str) -> StageName:
    """Return a stage's name; raise UserError if there is no such stage."""
    for known in STAGE_NAMES:
        if name == known:
            return known
    raise UserError(f"unknown stage {name!r}; the stages are {', '.join(STAGE_NAMES)}")
