"""The command that looks into a network."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.arguments import ModelOption
from flows.cli.errors import note, say
from flows.cli.under_way import with_bars
from flows.run_records import data_root


def look(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo whose activations are drawn.")],
    model: ModelOption = None,
    network: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Look into a pretrained network, such as vgg16, instead of a model."),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME", help="Also draw the patterns of this layer's channels; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the pictures go: a new folder. Default: one in the data folder."),
    ] = None,
) -> None:
    """Show what every layer of a model's network makes of a photo, and which patterns its channels respond to."""
    from flows.look import look as looking
    from tasks.text import percent

    root = data_root()
    options = looking.LookOptions(photo, model=model, network=network, layers=tuple(layer or ()), out=out)
    with with_bars("nothing was written") as progress:
        seen = looking.look_to(root, options, progress=progress, announce=note)
    answers = {"the model": seen.classes} | {f"ImageNet, {name}": found for name, found in seen.imagenet.items()}
    for who, found in answers.items():
        if found:
            say(f"{who}: {', '.join(f'{name} {percent(probability)}' for name, probability in found)}")
    say(*seen.notes)
    say(f"activations of {looking.layers_text(len(seen.activations))}: {seen.folder}")
    for picture in seen.patterns:
        say(f"patterns of {picture.layer}: {seen.folder / picture.file}")
    say(f"network: {seen.folder / looking.SUMMARY}", f"page: {seen.folder / looking.PAGE}")
