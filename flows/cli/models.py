"""Commands that use a trained model."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.arguments import ModelOption
from flows.cli.errors import note, say
from flows.reminders import reminding
from flows.run_records import data_root
from tasks.store.errors import UserError

_MAX_ROWS = 50
"""Photos whose predictions are printed."""


def predict(
    photos: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTO|FOLDER|CSV", help="A CSV has a column Image with files, relative to the CSV's folder."
        ),
    ],
    model: ModelOption = None,
    top_k: Annotated[int, typer.Option(min=1, help="Number of classes per photo.")] = 3,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one row per photo to a .csv, .json or .parquet file.")
    ] = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="Begin the CSV of --out with a byte order mark, which Excel needs.")
    ] = False,
    submission: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write Image,Id with five classes per photo (whale challenge format)."),
    ] = None,
    heat_maps: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write each photo with the heat map of its most likely class."),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Let the workers of a Dask scheduler predict, such as tcp://10.0.0.5:8786."
        ),
    ] = None,
) -> None:
    """Predict the classes of photos with the model that is used (`fluke models`)."""
    from flows import console
    from flows.predict.options import PredictOptions
    from flows.predict.predict import predict_to
    from tasks.text import first_few

    root = data_root()
    options = PredictOptions(
        photos,
        model=model,
        top_k=top_k,
        out=out,
        excel=excel,
        submission=submission,
        heat_maps=heat_maps,
        workers=workers,
    )
    console.show_messages()
    with console.native_output(root / "logs" / "native.log"), console.Bars() as bars:
        table = predict_to(root, options, progress=bars.progress, announce=note)
    for name, path in (("predictions", out), ("submission", submission)):
        if path:
            say(f"{name}: {path}")
    if not out and not submission:
        console.console.print(console.predictions_table(table.head(_MAX_ROWS)))
        if len(table) > _MAX_ROWS:
            say(f"... and {len(table) - _MAX_ROWS:,} more; --out FILE writes all")
    if heat_maps:
        say(f"heat maps: {heat_maps}")
    unreadable = int((table["error"] != "").sum())
    if "unsure" in table:
        say(f"unsure: {int((table['unsure'] == True).sum()):,} of {len(table) - unreadable:,} photos")  # noqa: E712
    if unreadable:
        where = "; --out FILE.csv writes the reasons" if submission and not out else ""
        failed = table[table["error"] != ""]
        named = first_few([f"{image} ({error})" for image, error in zip(failed["image"], failed["error"], strict=True)])
        note(f"warning: {unreadable:,} of {len(table):,} photos could not be read: {named}{where}")
    if unreadable == len(table):
        raise typer.Exit(2)


def name(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN|NAME", help="Run of the model, or name of models: the one that is used."),
    ] = None,
    new_name: Annotated[str | None, typer.Argument(metavar="NAME", help="Letters, digits and . _ + -")] = None,
    delete: Annotated[
        str | None, typer.Option(metavar="NAME", help="Remove a name; the model stays until it is pruned.")
    ] = None,
) -> None:
    """Name the model of a run: --model takes the name, and prune keeps the model. Without arguments, list the names."""
    from flows import model_names
    from flows.predict.model import name_model
    from tasks.store.store import Store

    root = data_root()
    if delete is not None:
        if run is not None:
            raise UserError("--delete NAME takes no other argument")
        say(f"run {model_names.delete(root, delete)} is no longer named {delete}")
    elif run is None:
        say(*(f"{name}: run {run}" for name, run in model_names.read(root).items()))
    elif new_name is None:
        raise UserError(f"give the name, too: fluke name {run} NAME")
    else:
        named = name_model(Store(root), run, new_name)
        say(f"{new_name}: run {named.id} of {named.preset}; `fluke prune` keeps it")


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    model: ModelOption = None,
    format_: Annotated[
        Literal["savedmodel", "onnx", "litert", "openvino"],
        typer.Option("--format", help="savedmodel (TensorFlow) takes photos; onnx, litert and openvino take tiles."),
    ] = "savedmodel",
    int8: Annotated[
        bool,
        typer.Option("--int8", help="With litert: integers of 8 bits; a third of the size."),
    ] = False,
    compared: Annotated[
        int, typer.Option("--compare", min=0, help="Test photos to compare with Keras; 0 for none.")
    ] = 200,
) -> None:
    """Export the model that is used (`fluke models`), or another one, for programs without fluke."""
    from flows import console, preflight
    from flows.predict.exports import export as exporting

    root = data_root()
    exporting.check(folder, format_, int8=int8)
    console.show_messages()
    note("exporting the model ...")
    with (
        preflight.in_use(root),
        console.native_output(root / "logs" / "native.log"),
        reminding("still exporting the model", note),
    ):
        found = exporting.export(root, model, folder, format_, int8=int8, most_compared=compared)
    say(f"model: {folder}", f"how to use it: {folder / exporting.README}", *(found.lines() if found else ()))
