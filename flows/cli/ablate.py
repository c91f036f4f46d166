"""The command that compares arms, which differ in some settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.arguments import Overrides, Preset, load_config
from flows.cli.errors import note, print_error, say
from flows.cli.server import connect
from flows.cli.under_way import under_way


def ablate(
    preset: Preset,
    overrides: Overrides = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="'[NAME:] SETTING=VALUE...'",
            help="Settings to compare with the preset; repeatable. Default: the arms that show whether the "
            "autoencoder helps.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How often each arm is trained.")] = 3,
    photos_per_class: Annotated[
        list[str] | None,
        typer.Option(metavar="'N... all'", help="Train photos of each class, for a learning curve: 20 60 all."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget of each training that chooses its recipe (train.budget_min).")
    ] = None,
) -> None:
    """Compare settings, on the same photos, split and seeds: what does each gain, and for how much time?"""
    from flows.ablate import plan
    from flows.preflight import check_given_paths

    sizes, settings = divided(overrides or (), photos_per_class or ())
    config = load_config(preset, settings)
    name = Path(preset).stem
    asked = plan.make(
        name,
        config,
        arm or (),
        seeds=seeds,
        sizes=plan.read_sizes(sizes) or ["all"],
        minutes=minutes,
    )
    check_given_paths(config)
    connect(config)
    from flows import console
    from flows.ablate import report, wording
    from flows.ablate.flow import ablate as flow
    from flows.ablate.flow import announce
    from flows.dashboard import engine

    note(f"{len(asked.arms)} arms, {len(asked.cells)} trainings; after Ctrl-C, the same command continues")
    with under_way("finished trainings are kept"):
        announce.set(note)
        found = engine.call(flow, config, name, arm or (), seeds=seeds, sizes=asked.sizes, minutes=minutes)
    rows = [wording.cells(row, found.rows) for row in found.rows]
    console.print_wide(console.text_table(wording.columns(found.rows, found.metric), rows))
    say("", *wording.sentences(found.rows), "", f"report: {found.report}")
    if found.failed:
        print_error(*report.failures(found))
        raise typer.Exit(1)


def divided(words: Sequence[str], sizes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the numbers of photos, and the settings beside the preset.

    A shell hands `--photos-per-class 20 60 all` over as an option with one value, and two arguments.

    Args:
        words: The arguments beside the preset.
        sizes: The values of the option.
    """
    more = [word for word in words if sizes and (word == "all" or word.isdecimal())]
    return [*sizes, *more], [word for word in words if word not in more]
