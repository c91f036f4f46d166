"""The command line: `fluke run demo`, `fluke why train demo`, `fluke status` ..."""

import os
import re
import shlex
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated, Literal

import typer

from configs.schema import STAGE_NAMES, Config, StageName
from flows.run_records import RunRecord, data_root, read_records
from tasks.store.errors import UserError
from tasks.tables import PHOTOS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keywords, a folder or a CSV of photos in; an evaluated image classifier out, again every night.",
    epilog="Everything is written below ./data, or below $FLUKE_DATA.",
)

_MOST_ROWS = 50
"""Photos whose predictions are printed."""

Preset = Annotated[
    str, typer.Argument(help="A preset's name (fluke config), or the path of a YAML file.", metavar="PRESET")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Settings to set, such as train.epochs=5.", metavar="[SECTION.SETTING=VALUE]..."),
]
Fresh = Annotated[
    list[str] | None,
    typer.Option("--fresh", metavar="STAGE", help="Make this stage again even if it is cached; repeatable."),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Compare cached files with their SHA-256 before reuse, not only their size.")
]
StageArgument = Annotated[str, typer.Argument(metavar="STAGE", help=f"One of {', '.join(STAGE_NAMES)}.")]


def main() -> None:
    """Run the command line; errors become one line and an exit code: 2 for the user's to mend, 1 for ours."""
    try:
        app()
    except Exception as error:
        from flows import preflight

        message, code = preflight.explain(error, data_root())
        if code == 1:
            message += f"; please report it with {_write_log(error)}"
        _say(message)
        sys.exit(code)
    finally:
        # A Ctrl-C that passes through source text being executed (as dataclasses do on import) leaves CPython set to
        # end the process by that signal, also where it was handled since; executing another text makes it forget.
        exec("")


@app.command()
def run(preset: Preset, overrides: Overrides = None, fresh: Fresh = None, verify: Verify = False) -> None:
    """Run the whole pipeline of a preset, making only what the store doesn't hold."""
    _run(preset, overrides, "evaluate", fresh, verify)


@app.command()
def stage(
    name: StageArgument, preset: Preset, overrides: Overrides = None, fresh: Fresh = None, verify: Verify = False
) -> None:
    """Run a preset's pipeline up to one stage; those above it come from the store or are made."""
    _run(preset, overrides, _stage_name(name), fresh, verify)


@app.command()
def config(
    preset: Annotated[
        str | None, typer.Argument(metavar="[PRESET]", help="Without one, the presets are listed.")
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Print a preset's whole config, every setting with its description; fluke run takes it again as a file."""
    from configs import load

    if preset is None:
        print("\n".join(load.presets()))
    else:
        print(load.described(load.load(preset, overrides or ())))


@app.command()
def why(name: StageArgument, preset: Preset, overrides: Overrides = None) -> None:
    """Say whether a stage would be made again, and which setting, parent, photo count or version is the reason."""
    from flows import preflight
    from flows.why import explain
    from tasks.store.store import Store

    wanted, loaded = _stage_name(name), _load(preset, overrides)
    preflight.check_names(loaded)
    preflight.check_stage(loaded, wanted)
    print("\n".join(explain(Store(data_root()), loaded, wanted)))


@app.command()
def review(
    preset: Preset,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="By default a free one.", show_default=False)] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a contact sheet there, and serve nothing.")
    ] = None,
) -> None:
    """Look at the photos that the filter doubts, and keep, reject or move them; on a local page, until Ctrl-C."""
    from flows import preflight
    from flows.review import items as sheets
    from flows.review.contact_sheet import export as write_sheet
    from flows.review.server import serve as serve_page
    from tasks.store.store import Store

    loaded = _load(preset, overrides)
    preflight.check_names(loaded)
    root, command = data_root(), shlex.join([preset, *(overrides or ())])
    store = Store(root)
    sheet = sheets.read(store.folder(sheets.artifact(store, loaded, command)), command)
    title = Path(preset).stem
    if export:
        print(f"contact sheet: {write_sheet(root, sheet, export.absolute(), title=title)}")
        return
    preflight.check_writable(root)

    def announce(address: str, doubts: int) -> None:
        print(f"{doubts:,} photos to look at: {address}\nCtrl-C ends it; what you decide is kept", flush=True)

    changed = serve_page(root, sheet, title=title, port=port, browser=browser, announce=announce)
    decided = f"{changed:,} {'photo' if changed == 1 else 'photos'}"
    print(f"\ndecided about {decided}; `fluke run {command}` makes the model with that" if changed else "\nno changes")


@app.command()
def predict(
    what: Annotated[
        Path, typer.Argument(metavar="PHOTO|FOLDER|CSV", help="A CSV has a column Image: files, beside it.")
    ],
    model: Annotated[
        str | None,
        typer.Option(metavar="RUN|PRESET", help="Whose model; by default that of the last run that ended well."),
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="How many classes to name for a photo.")] = 3,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a row for each photo there: .csv, .json or .parquet.")
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Write Image,Id with five names there, as the whale challenge takes them."
        ),
    ] = None,
    heat_maps: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write each photo there, coloured where its likeliest class shows."),
    ] = None,
) -> None:
    """Say what photos show, as the model of a run sees them, and where it looked."""
    from flows import console
    from flows.predict import predict as predicting

    root = data_root()
    with console.native_output(root / "logs" / "native.log"), console.Bars() as bars:
        table = predicting.predict_to(
            root,
            what,
            model=model,
            top_k=top_k,
            out=out,
            submission=submission,
            heat_maps=heat_maps,
            progress=bars.progress,
            announce=_note,
        )
    for name, path in (("predictions", out), ("submission", submission)):
        if path:
            print(f"{name}: {path}")
    if not out and not submission:
        console.console.print(console.predictions_table(table.head(_MOST_ROWS)))
        if len(table) > _MOST_ROWS:
            print(f"... and {len(table) - _MOST_ROWS:,} more; --out FILE writes all")
    if heat_maps:
        print(f"heat maps: {heat_maps}")
    unread = int((table["error"] != "").sum())
    if unread:
        where = "--out FILE.csv says why" if submission and not out else "column error says why"
        _note(f"warning: {unread:,} of {len(table):,} could not be read; {where}")
    if unread == len(table):
        raise typer.Exit(2)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new one, or an empty one.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="RUN|PRESET", help="Whose model; by default that of the last run that ended well."),
    ] = None,
    form: Annotated[
        Literal["savedmodel", "onnx"],
        typer.Option("--format", help="TensorFlow's, which takes photos; or ONNX, which takes tiles."),
    ] = "savedmodel",
) -> None:
    """Write the model of a run, with all that belongs to it, for programs that don't have fluke."""
    from flows import console, preflight
    from flows.predict import export as exporting
    from flows.predict import model as models
    from tasks.store.store import Store

    root = data_root()
    exporting.check(folder)
    chosen = models.find(Store(root), model)
    _note(f"the model of run {chosen.run} ...")
    with preflight.in_use(root), console.native_output(root / "logs" / "native.log"):
        exporting.export(chosen, folder, form)
    print(f"model: {folder}\nhow to call it: {folder / exporting.README}")


@app.command()
def prune(
    keep: Annotated[
        int, typer.Option(min=0, help="Runs whose artifacts are kept, besides the last that ended well.")
    ] = 5,
    photos: Annotated[
        bool, typer.Option(help="Also photos that no kept crawl holds: the net may not have them any more.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Say what no recent run needs and how much room it takes, then delete it if you agree."""
    from flows import console
    from flows.maintenance import prune as pruning
    from tasks.store.store import Store

    store = Store(data_root())
    spare = pruning.find_spare(store, keep, photos=photos)
    if not spare:
        print("nothing to free")
        return
    for reason, count, total in pruning.by_why(spare):
        print(f"{console.size(total):>8}  {count:,} x {reason}")
    total = sum(item.bytes for item in spare)
    if _agreed(f"Delete these {console.size(total)}?", yes):
        freed = pruning.delete(store, spare, keep, photos=photos)
        print(f"freed {console.size(freed)}")


@app.command()
def forget(
    what: Annotated[str, typer.Argument(metavar="URL|SHA256", help=f"As {PHOTOS.name} has them.")],
    purge: Annotated[
        bool, typer.Option(help="Also delete the artifacts and shards that were made with it; they are made again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete a photo, say what was made with it, and keep it out of all later crawls."""
    from flows import console
    from flows.maintenance import forget as forgetting
    from tasks.store.store import Store

    store = Store(data_root())
    traces = forgetting.find_traces(store, what)
    print("\n".join(console.traces_lines(traces, store)))
    question = "Delete it, and keep it out?" if traces.files else "Keep it out?"
    if purge and (traces.made or traces.shards):
        question = f"Delete it, {len(traces.made)} artifacts and {len(traces.shards)} shards, and keep it out?"
    elif traces.made:
        print("these still hold it, or what was learnt from it; --purge deletes them, too")
    if _agreed(question, yes):
        forgetting.forget(store, traces, purge=purge)
        print("done; crawls leave it out from now on")


@app.command()
def status(runs: Annotated[int, typer.Option(min=1, help="How many runs to list.")] = 10) -> None:
    """List the last runs, what is on disk, and whether the dashboard is up."""
    from flows import console, server
    from flows.maintenance.prune import disk_usage

    root = data_root()
    records = read_records(root)[:runs]
    if records:
        console.console.print(console.runs_table(records, root))
    else:
        print("no runs yet")
    print(f"\non disk, below {root}:")
    console.console.print(console.disk_table(disk_usage(root)))
    address = server.url(root)
    print(f"\ndashboard: {address.removesuffix('/api') if address else 'down (fluke up starts it)'}")


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=1024, max=65535, help="By default 4200, or a free one.")] = None,
) -> None:
    """Start the local Prefect server: the dashboard, and schedules."""
    from flows import preflight, server

    preflight.check_writable(data_root())
    if server.url(data_root()) is None:
        _note("starting the Prefect server (about 15 s) ...")
    address = server.up(data_root(), port)
    print(f"the dashboard is up: {address.removesuffix('/api')}")


@app.command()
def down() -> None:
    """Stop the local Prefect server."""
    from flows import server

    print("stopped" if server.down(data_root()) else "no server of this data folder was running")


@app.command()
def serve(
    preset: Preset,
    overrides: Overrides = None,
    cron: Annotated[str, typer.Option(help="When the nightly run starts.")] = "0 2 * * *",
    timezone: Annotated[str, typer.Option(help="The time zone that the cron expression means.")] = "UTC",
) -> None:
    """Schedule a preset's nightly run, and offer each stage in the dashboard; runs until Ctrl-C."""
    loaded = _load(preset, overrides)
    _connect(loaded)
    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = "30"
    from prefect import serve as serve_all

    from flows import deployments, server

    built = deployments.build(Path(preset).stem, loaded, cron=cron, timezone=timezone)
    if os.environ["PREFECT_API_URL"] == server.url(data_root()):
        server.crash_zombies()
    print(f"serving {preset}: nightly at '{cron}' ({timezone}), and one deployment per stage; Ctrl-C ends it")
    serve_all(*built)


def _run(preset: str, overrides: list[str] | None, until: StageName, fresh: list[str] | None, verify: bool) -> None:
    loaded = _load(preset, overrides)
    stages = [_stage_name(name) for name in fresh or ()]
    _connect(loaded)
    from flows import console
    from flows.run import pipeline, watcher

    console.show_messages()
    try:
        with console.native_output(data_root() / "logs" / "native.log"), console.Bars() as bars:
            watcher.set(bars.progress)
            record = pipeline(loaded, preset=Path(preset).stem, until=until, fresh=stages, verify=verify)
    except KeyboardInterrupt as interrupt:
        _say("interrupted; what was finished is kept, and the same command goes on from there")
        raise typer.Exit(130) from interrupt
    console.console.print(console.stage_table(record))
    _print_report(record)


def _print_report(record: RunRecord) -> None:
    from tasks.store.store import Store
    from tasks.tables import REPORT, SUMMARY

    folder = Store(data_root()).folder(record.stages[-1].artifact)
    report, summary = REPORT.path(folder), SUMMARY.path(folder)
    if summary.exists():  # its first line is the verdict, in Markdown
        verdict = summary.read_text(encoding="utf-8").splitlines()[0].replace("**", "")
        print("\n" + re.sub(r"\\(.)", r"\1", verdict))
    print(f"\nreport: {report}" if report.exists() else f"\n{record.until}: {folder}")


def _load(preset: str, overrides: list[str] | None) -> Config:
    from configs.load import load

    return load(preset, overrides or ())


def _stage_name(name: str) -> StageName:
    for known in STAGE_NAMES:
        if name == known:
            return known
    raise UserError(f"{name!r} is no stage; there are {', '.join(STAGE_NAMES)}")


def _connect(loaded: Config) -> None:
    """Have Prefect talk to the server that is configured, or to ours, which is started if need be."""
    from flows import preflight, server

    preflight.check_names(loaded)
    root = data_root()
    preflight.check_writable(root)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # the terminal is ours
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "fluke")
    configured = os.environ.get("PREFECT_API_URL") or server.configured_url()
    if configured and not server.reachable(configured):
        raise UserError(
            f"the configured Prefect server {configured} does not answer; start it, or unset PREFECT_API_URL"
        )
    address = configured or server.url(root)
    if address is None:
        _note("starting the Prefect server for the dashboard (about 15 s; `fluke down` stops it) ...")
        address = server.up(root)
    os.environ["PREFECT_API_URL"] = address


def _agreed(question: str, yes: bool) -> bool:
    """Whether the user says yes; raises UserError where there is nobody to ask."""
    if not yes and not sys.stdin.isatty():
        raise UserError(f"{question} There is nobody to ask: add --yes")
    return yes or typer.confirm(question)


def _note(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _say(message: str) -> None:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)


def _write_log(error: BaseException) -> Path:
    """Keep the traceback of an error of ours where the user can find it."""
    text = "".join(traceback.format_exception(error))
    path = data_root() / "logs" / "error.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError:
        path = Path(tempfile.gettempdir()) / "fluke-error.log"
        path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
