"""A data folder that somebody changed by hand: no command touches a file outside it, or ends with an internal error."""

import json
import os
import random
import shutil
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.error_messages import INTERNAL_ERROR, explain
from tasks.evaluate.report import style
from tasks.store.store import Store
from tasks.tables.crawl import PHOTOS
from tasks.tables.evaluate import METRICS
from tests.helpers.pipeline import TINY, Fluke

SEED, CASES = 13, 8
DEEP = "[" * 100_000 + "]" * 100_000
PATH_LIKE = ("sha", "file", "path", "shard", "image", "photo", "url", "class", "label", "group", "page")
OUTSIDE = ("outside", "above/outside", "above/home/outside")
"""Folders that no command may touch: those that `..` leads to from the data folder and from folders in it."""

Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Case:
    """One change of one file of a data folder."""

    file: str
    place: Keys
    value: object

    def text(self) -> str:
        """Return a line for a message."""
        return f"{self.file} {'.'.join(map(str, self.place))} = {str(self.value)[:40]!r}"


def leaves(tree: object, place: Keys = ()) -> Iterator[Keys]:
    """Yield where the strings, numbers and empty values of a JSON tree are; of a list, the first only."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*place, key))
    elif isinstance(tree, list) and tree:
        yield from leaves(tree[0], (*place, 0))
    else:
        yield place


def cases(data: Path, values: list[object]) -> list[Case]:
    """Return each change of a whole JSON file, of a leaf of one, and of a path-like column of a table."""
    found = []
    for path in sorted(data.rglob("*.json")):
        name = str(path.relative_to(data))
        for place in [(), *leaves(json.loads(path.read_text()))]:
            found += [Case(name, place, value) for value in (*values, "DEEP")]
    for path in sorted(data.rglob("*.parquet")):
        name = str(path.relative_to(data))
        for column in pd.read_parquet(path).columns:
            if any(word in column.lower() for word in PATH_LIKE):
                found += [Case(name, (column,), value) for value in values if _fits_a_column(value)]
    return found


def _fits_a_column(value: object) -> bool:
    """Whether a table of Parquet can have a value."""
    return not isinstance(value, dict) and not (isinstance(value, int) and abs(value) >= 2**63)


def change(data: Path, case: Case) -> None:
    """Write the changed file."""
    path = data / case.file
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        table[case.place[0]] = [case.value] * len(table)
        table.to_parquet(path)
        _resize(data, path)
        return
    tree: Any = json.loads(path.read_text())
    node: Any = {"": tree}
    for key in ("", *case.place)[:-1]:
        node = node[key]
    last = ("", *case.place)[-1]
    node[last] = "@@" if case.value == "DEEP" else case.value
    path.write_text(json.dumps(node[""] if not case.place else tree).replace('"@@"', DEEP))
    _resize(data, path)


def _resize(data: Path, path: Path) -> None:
    """Correct the size in the manifest, so that only the content of the file can tell that it was changed."""
    manifest = path.parent / "manifest.json"
    if path.name == "manifest.json" or not manifest.exists():
        return
    tree = json.loads(manifest.read_text())
    if path.name in tree["files"]:
        tree["files"][path.name]["bytes"] = path.stat().st_size
        manifest.write_text(json.dumps(tree))


def commands(photos: Path) -> list[list[str]]:
    """Return the commands that read a data folder, in an order in which the last ones delete."""
    photo = next(photos.rglob("*.png"))
    settings = ["default", f"crawl.path={photos}", *TINY]
    return [
        ["status"],
        ["name"],
        ["why", "evaluate", *settings],
        ["predict", str(photo)],
        ["report"],
        ["down"],
        ["prune", "--keep", "1", "--yes"],
        ["forget", "0" * 64, "--purge", "--yes"],
    ]


def outside_of(base: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content and the mode of each file next to the data folder."""
    found = [path for folder in OUTSIDE for path in (base / folder).rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in found}


def attack(finished: Path, base: Path, photos: Path, case: Case) -> list[str]:
    """Change a copy of a finished data folder, run all commands on it, and return what must not happen."""
    shutil.rmtree(base, ignore_errors=True)
    data = base / "above" / "home" / "data"
    shutil.copytree(finished, data)
    for folder in OUTSIDE:
        (base / folder).mkdir(parents=True)
        (base / folder / "precious.txt").write_text("precious")
    change(data, case)
    before, faults = outside_of(base), []
    os.environ["FLUKE_DATA"] = str(data)
    for command in commands(photos):
        if command[0] == "prune":  # the check of `run --verify`, before prune and forget delete anything
            faults += _verify(data, case)
        result = CliRunner().invoke(app, command)
        error = result.exception
        if error and not isinstance(error, SystemExit) and explain(error, data)[1] == INTERNAL_ERROR:
            where = "".join(traceback.format_exception(error)[-3:])
            faults.append(f"{case.text()}: {command[0]}: {where}")
        elif result.exit_code == INTERNAL_ERROR and isinstance(error, SystemExit):
            faults.append(f"{case.text()}: {command[0]}: exit code 1")
    if outside_of(base) != before:
        faults.append(f"{case.text()}: a file outside was changed")
    return faults


def _verify(data: Path, case: Case) -> list[str]:
    """Check each artifact as `run --verify` does, with repairs."""
    store = Store(data)
    try:
        for folder in data.glob("artifacts/*/*"):
            store.valid(folder, verify=True, repair=True)
        for stage in data.glob("artifacts/*"):
            for manifest in store.manifests(stage.name):
                store.find(manifest.cache_key, verify=True, repair=True)
    except Exception as error:
        return [f"{case.text()}: verify: {''.join(traceback.format_exception(error)[-3:])}"]
    return []


def values_for(base: Path) -> list[object]:
    """Return what is put in place of each value."""
    return [
        "../../outside/precious.txt",
        str(base / "outside" / "precious.txt"),
        "a\0b",
        "x" * 100_000,
        10**400,
        -1.5,
        ["a"],
        {"a": 1},
        None,
    ]


@pytest.mark.slow
def test_a_changed_data_folder_harms_nothing_outside_and_is_no_internal_error(
    finished: Fluke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(finished.data))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(style, "png", lambda _figure, _dpi=150: b"")  # drawing takes most of the time
    monkeypatch.setattr(style, "svg", lambda _figure: "<svg></svg>")
    base = tmp_path / "base"
    ours = shutil.copytree(finished.data, tmp_path / "finished")
    named = CliRunner().invoke(app, ["name", "default", "good"], env={"FLUKE_DATA": str(ours)})
    assert named.exit_code == 0
    (ours / "server").mkdir(exist_ok=True)
    (ours / "server" / "server.json").write_text('{"pid": 999999999, "port": 4999, "started": "boot+1"}')
    [metrics] = ours.glob(f"artifacts/evaluate/*/{METRICS.name}")
    score = ("test", "scores", "macro_f1", "high")
    seen = [Case("names.json", ("good",), "no-such-run"), Case(str(metrics.relative_to(ours)), score, {"a": 1})]
    seen.append(Case(seen[1].file, (), "DEEP"))
    [crawled] = ours.glob(f"artifacts/crawl/*/{PHOTOS.name}")
    seen.append(Case(str(crawled.relative_to(ours)), ("photo",), ["a"]))
    chosen = seen + random.Random(SEED).sample(cases(ours, values_for(base)), CASES)
    assert [fault for case in chosen for fault in attack(ours, base, finished.photos, case)] == []
