"""Commands that run the pipeline, and that show what a run would do."""

import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from configs.schema import StageName
from flows.cli.arguments import (
    Fresh,
    LabelledPhotos,
    Overrides,
    Preset,
    StageArgument,
    Verify,
    load_config,
    preset_file,
    setting_notes,
    stage_name,
)
from flows.cli.errors import note, say
from flows.cli.server import connect
from flows.cli.under_way import under_way
from flows.run_records import RunRecord, data_root
from tasks.store.errors import UserError

if TYPE_CHECKING:
    from flows.predict.options import PredictOptions
    from flows.recipes_tried import Tried


def run(
    preset: Preset,
    overrides: Overrides = None,
    fresh: Fresh = None,
    verify: Verify = False,
    predict: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO|FOLDER|CSV", help="Then predict these photos with the run's model; needs --submission."
        ),
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Where their answers go: Image,Id with five classes per photo."),
    ] = None,
) -> None:
    """Run the whole pipeline of a preset; build only what the store doesn't contain."""
    asked = _checked(predict, submission)
    record = _run(preset, overrides, "evaluate", fresh, verify)
    if asked:
        _predict(replace(asked, model=record.id))


def stage(
    name: StageArgument, preset: Preset, overrides: Overrides = None, fresh: Fresh = None, verify: Verify = False
) -> None:
    """Run a preset's pipeline up to one stage; earlier stages come from the store or are built."""
    _run(preset, overrides, stage_name(name), fresh, verify)


def config(
    preset: Annotated[
        str | None, typer.Argument(metavar="[PRESET]", help="Without a preset, list the presets.")
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Print all settings of a preset with their descriptions, as a YAML file for `fluke run`."""
    from configs import presets
    from configs.as_yaml import to_yaml
    from configs.load import as_given
    from flows import console

    if preset is None:
        console.print_wide(console.preset_table(presets.purposes()))
    else:
        is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        load_config(preset, overrides)  # for its notes; `filter.memory` isn't printed, so that the file gets its own
        say(*to_yaml(as_given(preset, overrides or ()), ascii_only=not is_utf8).split("\n"))


def check(
    path: LabelledPhotos,
    overrides: Overrides = None,
) -> None:
    """Show what fluke would see in a folder, a CSV or a dataset: classes, split, formats, sizes, groups, doubts."""
    from flows import console, preflight
    from flows.check import findings, source
    from tasks.store.context import executor

    config = source.config_of(path, overrides or ())
    preflight.check_photo_folder(config, data_root())
    with executor(config.workers.threads) as threads, console.Bars() as bars:
        found = findings.check(config, executor=threads, progress=bars.progress)
    console.console.print(console.class_table(found.classes))
    say("", *findings.summary(found))
    doubts = [*source.setting_doubts(path, config, overrides or ()), *found.doubts]
    say("", *(f"doubt: {doubt}" for doubt in doubts or ["none"]))


def why(name: StageArgument, preset: Preset, overrides: Overrides = None) -> None:
    """Say whether a run would build a stage again, and which setting, input or version is the reason."""
    from flows import preflight
    from flows.why import explain
    from tasks.store.store import Store

    wanted, loaded = stage_name(name), load_config(preset, overrides)
    preflight.check_names(loaded, crawls=False)
    say(*explain(Store(data_root()), loaded, wanted))


def report(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|RUN]", help="Name of models: of the one that is used; or a run. Default: the only name."
        ),
    ] = None,
) -> None:
    """Write the report of a run again, from files alone; the classifier is not evaluated again."""
    from flows import console
    from flows import report as reports

    console.show_messages()
    say(f"report: {reports.write(data_root(), run)}")


def _checked(photos: Path | None, submission: Path | None) -> "PredictOptions | None":
    """Return what to predict after a run; None if nothing is asked for.

    Raises:
        UserError: There are no such photos, or the file can't be written: said now, not after a night of training.
    """
    if photos is None and submission is None:
        return None
    if photos is None or submission is None:
        raise UserError("give both: --predict FOLDER, the photos, and --submission FILE.csv, where their answers go")
    from flows.predict.options import PredictOptions
    from flows.predict.photo_list import list_photos

    options = PredictOptions(photos, submission=submission)
    options.check()
    list_photos(photos)
    return options


def _predict(options: "PredictOptions") -> None:
    """Write a submission, with one line about photos that can't be read."""
    from flows import console
    from flows.predict.predict import predict_to

    root = data_root()
    with console.native_output(root / "logs" / "native.log"), console.Bars() as bars:
        table = predict_to(root, options, progress=bars.progress, announce=note)
    say(f"submission: {options.submission}")
    if unreadable := int((table["error"] != "").sum()):
        note(f"warning: {unreadable:,} of {len(table):,} photos could not be read; `fluke predict` says why")


def _run(
    preset: str, overrides: list[str] | None, until: StageName, fresh: list[str] | None, verify: bool
) -> RunRecord:
    from flows.preflight import check_given_paths

    loaded = load_config(preset, overrides)
    stages = [stage_name(name) for name in fresh or ()]
    check_given_paths(loaded)
    connect(loaded)
    from configs.given import given_settings
    from flows import console, start

    with under_way("finished work is kept"):
        record = start.run(
            loaded,
            preset=Path(preset).stem,
            until=until,
            fresh=stages,
            verify=verify,
            preset_file=preset_file(preset),
            given=given_settings(preset, overrides or ()),
            notes=setting_notes(preset, overrides),
        )
    console.console.print(console.stage_table(record))
    if tried := _recipes_tried(record):
        say("")
        console.console.print(console.recipe_table(tried))
    _print_result(record, shlex.join([preset, *(overrides or ())]))
    return record


def _recipes_tried(record: RunRecord) -> "list[Tried]":
    """Return what the run's training has tried, if that is more than one recipe."""
    from flows.recipes_tried import recipes_tried
    from tasks.store.store import Store

    folders = [Store(data_root()).folder(each.artifact) for each in record.stages if each.artifact.stage == "train"]
    tried = [each for folder in folders for each in recipes_tried(folder)]
    return tried if len(tried) > 1 else []


def _print_result(record: RunRecord, command: str) -> None:
    from flows.models import decision_text
    from tasks.evaluate.to_review import doubted_photos, labels_text
    from tasks.store.store import Store
    from tasks.tables.evaluate import REPORT
    from tasks.tables.pretrain import AUTOENCODER_PICTURE
    from tasks.tables.shared import SUMMARY

    folder = Store(data_root()).folder(record.stages[-1].artifact)
    report, summary = REPORT.path(folder), SUMMARY.path(folder)
    if summary.exists():  # its first line is the verdict, in Markdown
        verdict = summary.read_text(encoding="utf-8").splitlines()[0].replace("**", "")
        say("", re.sub(r"\\(.)", r"\1", verdict))
    if doubted := len(doubted_photos(folder)):
        say("", f"{labels_text(doubted)} may be wrong; to see them: fluke review {command}")
    say("", f"report: {report}" if report.exists() else f"{record.until}: {folder}")
    if (picture := AUTOENCODER_PICTURE.path(folder)).exists():
        say(f"picture: {picture}")
    if decision := [*decision_text.lines(record, data_root())]:
        say("", *decision)
