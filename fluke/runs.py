"""Runs of the pipeline: start one, open one, read its tables and figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.schema import Config, StageName
from fluke import data as folders
from fluke.models import Model
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from flows.run_records import RunRecord


def load_config(preset: str | Path = "default", *settings: str) -> Config:
    """Load a preset.

    Args:
        preset: The name of a preset, or the path of a YAML file.
        settings: Settings to change, as on the command line: "train.epochs=5".

    Raises:
        ConfigError: There is no such preset, or a setting is invalid.
    """
    from configs.load import load

    return load(str(preset), settings)


def run(
    preset: str | Path | Config = "default",
    *settings: str,
    until: StageName = "evaluate",
    fresh: Sequence[StageName] = (),
    verify: bool = False,
    data: str | Path | None = None,
    show: bool = True,
) -> "Run":
    """Run the pipeline, like the command `fluke run`, on the same Prefect server; build only what isn't stored.

    Args:
        preset: The name of a preset, the path of a YAML file, or a `Config`, whose `name` names the run.
        settings: Settings to change, as on the command line: "train.epochs=5".
        until: The last stage to run.
        fresh: Stages to build again although they are stored; "crawl" searches for new photos.
        verify: Compare stored files with their SHA-256 before reuse, not only their size.
        data: The data folder; None: $FLUKE_DATA, or ./data.
        show: Whether to print warnings and, on a terminal, progress bars.

    Raises:
        ConfigError: A setting is invalid.
        UserError: The run failed, and the message says what to do.
    """
    from configs.given import given_settings
    from configs.load import model_name, with_memory, with_overrides
    from flows import console, preflight, start
    from flows.cli.arguments import preset_file, setting_notes

    overrides = list(settings)
    if isinstance(preset, Config):
        name, file, notes, given = preset.name or "custom", "", [], None
        config = with_memory(with_overrides(preset, settings) if settings else preset, name)
        name = model_name(config, name)
    else:
        config = load_config(preset, *settings)
        name, file = Path(preset).stem, preset_file(str(preset))
        notes, given = setting_notes(str(preset), overrides), given_settings(str(preset), overrides)
    with folders.using(data):
        root = folders.folder(None)
        preflight.check_given_paths(config)
        start.connect(config, print if show else _nothing)
        if show:
            console.show_messages()
        with console.Bars(show=show) as bars, start.shown(bars.progress):
            record = start.run(
                config, preset=name, until=until, fresh=fresh, verify=verify, preset_file=file, given=given, notes=notes
            )
        return Run(root, record)


def open_run(name: str | None = None, *, data: str | Path | None = None) -> "Run":
    """Open a finished run.

    Args:
        name: A name of models, whose champion's run is opened; or the ID of a run, also of one that failed or stopped
            at an earlier stage; or a name given by `fluke name`. None: the only name.
        data: The data folder; None: $FLUKE_DATA, or ./data.

    Raises:
        UserError: There is no such run.
    """
    from flows.models.find import find_run
    from flows.run_records import read_records

    root = folders.folder(data)
    for record in read_records(root) if name is not None else ():
        if record.id == name:
            return Run(root, record)
    return Run(root, find_run(root, name))


def list_runs(*, data: str | Path | None = None) -> "pd.DataFrame":
    """List all runs, the newest first: run, preset, name (of the model), state, until, started_at, decision."""
    import pandas as pd

    from flows.run_records import read_records

    root = folders.folder(data)
    columns = ["run", "preset", "name", "state", "until", "started_at", "decision"]
    return pd.DataFrame(
        [
            (
                each.id,
                each.preset,
                each.model_name,
                each.current_state(root),
                each.until,
                each.started_at,
                each.decision,
            )
            for each in read_records(root)
        ],
        columns=columns,
    )


class Run:
    """A run: what it found, and the files of its stages."""

    def __init__(self, root: Path, record: "RunRecord") -> None:
        """Use `open_run` or `run`."""
        self._root = root
        self._record = record

    @property
    def id(self) -> str:
        """Its ID, as `fluke models` lists it."""
        return self._record.id

    @property
    def state(self) -> str:
        """The state: done, failed, interrupted, running, or died."""
        return self._record.current_state(self._root)

    @property
    def config(self) -> dict[str, Any]:
        """Its settings, as they were; a later version of fluke may have others."""
        return self._record.config

    @property
    def folders(self) -> dict[str, Path]:
        """The folder of each stage's artifact."""
        from tasks.store.store import Store

        return {each.artifact.stage: Store(self._root).folder(each.artifact) for each in self._record.stages}

    @property
    def counts(self) -> dict[str, Mapping[str, float]]:
        """The counts and scores of each stage, as the terminal shows them."""
        return {each.artifact.stage: each.counts for each in self._record.stages}

    @property
    def metrics(self) -> dict[str, Any]:
        """What the evaluation measured: the content of metrics.json."""
        from tasks import tables

        found: dict[str, Any] = json.loads(
            tables.evaluate.METRICS.path(self._folder("evaluate")).read_text(encoding="utf-8")
        )
        return found

    @property
    def tables(self) -> list[str]:
        """The names of the tables that the run has, such as photos, kept, predictions; docs/artifacts.md lists them."""
        return sorted(self._tables())

    def table(self, name: str) -> "pd.DataFrame":
        """Read a table.

        Args:
            name: One of `tables`; where several stages have a table of one name, "stage/name".

        Raises:
            UserError: The run has no such table.
        """
        from configs.suggest import did_you_mean

        found = self._tables()
        if name not in found:
            there = ", ".join(sorted(found))
            raise UserError(f"run {self.id} has no table {name!r}{did_you_mean(name, list(found))}; it has {there}")
        table, folder = found[name]
        frame: pd.DataFrame = table.read(folder)
        return frame

    @property
    def figures(self) -> dict[str, Path]:
        """The PNG files of the report's figures, by name; show one in a notebook with `PIL.Image.open`."""
        from tasks import tables

        folder = tables.evaluate.FIGURES.path(self._folder("evaluate"))
        return {path.stem: path for path in sorted(folder.glob("*.png"))}

    @property
    def report(self) -> Path:
        """The path of the report, an HTML page."""
        from tasks import tables

        return tables.evaluate.REPORT.path(self._folder("evaluate"))

    @property
    def model(self) -> Model:
        """Its model."""
        self._folder("evaluate")
        return Model(self._root, self._record)

    def __repr__(self) -> str:
        return f"<fluke.Run {self.id} of {self._record.preset}: {self.state}>"

    def _folder(self, stage: str) -> Path:
        try:
            return self.folders[stage]
        except KeyError:
            raise UserError(f"run {self.id} ended before {stage} ({self.state})") from None

    def _tables(self) -> dict[str, tuple[Any, Path]]:
        """Return each table with its folder, by name, and by stage/name if several stages have that name."""
        from tasks import tables
        from tasks.store.table import Table

        there = [
            (Path(file.name).stem, stage, file, folder)
            for stage, folder in self.folders.items()
            for file in tables.files()
            if isinstance(file, Table) and stage in file.stages and file.path(folder).exists()
        ]
        often = [name for name, *_ in there]
        return {
            name if often.count(name) == 1 else f"{stage}/{name}": (file, folder) for name, stage, file, folder in there
        }


def _nothing(_: str) -> None:
    """Print nothing."""
