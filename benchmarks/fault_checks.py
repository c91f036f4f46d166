"""What must be true of a data folder after a fault: nothing is lost, and no half file looks finished."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.measure import FLUKE
from flows.run_records import read_records
from tasks.filter import review_log
from tasks.store import hashing
from tasks.store.manifest import Manifest
from tasks.store.shards import Shard
from tasks.tables.evaluate import REPORT

_DAYS_2 = 2 * 86_400


@dataclass(frozen=True)
class Kept:
    """What no command may lose."""

    photos: frozenset[str]
    decisions: dict[tuple[str, str], str]
    ledger: dict[str, int]
    """Rows of each table."""
    splits: dict[tuple[str, str], str]
    runs: frozenset[str]


def kept(data: Path) -> Kept:
    """Read what no command may lose from a data folder."""
    return Kept(
        frozenset(path.name for path in photos(data)),
        decisions(data),
        _ledger_rows(data),
        splits(data),
        frozenset(record.id for record in read_records(data)),
    )


def lost(before: Kept, data: Path) -> list[str]:
    """Return what was there before and has gone."""
    try:
        now = kept(data)
    except Exception as error:
        return [f"can't be read: {error!r}"]
    found = [f"photo {name}" for name in before.photos - now.photos]
    found += [f"decision about {key[0][:8]}" for key in before.decisions.keys() - now.decisions.keys()]
    found += [
        f"rows of the ledger's {name}" for name, count in before.ledger.items() if now.ledger.get(name, 0) < count
    ]
    found += [
        f"split of {key[1][:8]}: {split} became {now.splits.get(key)}"
        for key, split in before.splits.items()
        if now.splits.get(key) != split
    ]
    return found + [f"record of run {run}" for run in before.runs - now.runs]


def half_files(data: Path) -> list[str]:
    """Return the files that look finished and are not."""
    found = []
    for path in (data / "artifacts").glob("*/[!.]*/manifest.json"):
        problems = Manifest.read(path.parent).problems(path.parent, data, verify=True)
        found += [problem for _, problem in problems]
        report = REPORT.path(path.parent)
        if report.exists() and not report.read_text(encoding="utf-8").rstrip().endswith("</html>"):
            found.append(str(report))
    for path in (data / "pools").rglob("[!.]*.npy"):
        if path.with_suffix(".json").exists() and Shard.read(path, verify=True) is None:
            found.append(str(path))
    found += [str(path) for path in photos(data) if hashing.of_file(path) != path.stem]
    for home in ("splits", "backups"):  # their names contain the beginning of their SHA-256
        memories = (data / home).rglob("[!.]*.parquet")
        found += [str(path) for path in memories if not hashing.of_file(path).startswith(path.stem.partition("-")[2])]
    found += [str(path) for path in data.rglob(".damaged-*")]
    return found


def photos(data: Path) -> list[Path]:
    """Return the stored photos."""
    return [path for path in (data / "photos").rglob("[!.]*") if path.is_file()]


def files(data: Path, part: str) -> list[str]:
    """Return the paths of all files in a part of the data folder."""
    return [str(path.relative_to(data)) for path in (data / part).rglob("*") if path.is_file()]


def decisions(data: Path) -> dict[tuple[str, str], str]:
    """Return the decisions in effect: (photo, class) -> action."""
    return {(key.photo, key.label): decision.action for key, decision in review_log.read(data).items()}


def splits(data: Path) -> dict[tuple[str, str], str]:
    """Return the remembered split of each photo: (file, photo) -> split."""
    table: dict[tuple[str, str], str] = {}
    for path in sorted((data / "splits").rglob("[!.]*.parquet")):  # the newest generation is the last
        remembered = pd.read_parquet(path)
        keys = ((str(path.parent.relative_to(data)), str(photo)) for photo in remembered["photo"])
        table |= dict(zip(keys, map(str, remembered["split"]), strict=True))
    return table


def _ledger_rows(data: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in (data / "pools").rglob("*.sqlite"):
        with tempfile.TemporaryDirectory() as copy:  # reading it in place could repair it before the next command does
            for file in path.parent.glob(f"{path.name}*"):
                shutil.copy(file, copy)
            with closing(sqlite3.connect(Path(copy, path.name))) as database:
                (state,) = database.execute("PRAGMA integrity_check").fetchone()
                if state != "ok":
                    raise ValueError(f"{path}: {state}")
                for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    (found[name],) = database.execute(f'SELECT count(*) FROM "{name}"').fetchone()
    return found


def is_old(path: Path) -> bool:
    """Whether a file of predictions is that of an earlier command."""
    return path.exists() and "of an earlier prediction" in path.read_text(errors="replace")


def partial(folder: Path) -> list[Path]:
    """Return the temporary files and folders that a killed command has left."""
    return sorted(folder.rglob(".partial-*"))


def partial_after_prune(data: Path, left: list[Path]) -> list[str]:
    """Make temporary files two days old and prune; return those that are still there."""
    if not left:
        return []
    for path in left:
        os.utime(path, (time.time() - _DAYS_2,) * 2)
    subprocess.run(
        [FLUKE, "prune", "--yes"],
        env=os.environ | {"FLUKE_DATA": str(data)},
        check=True,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    return [f"prune leaves {path.relative_to(data)}" for path in partial(data)]


def message_of_a_full_disk(status: int, log: Path) -> list[str]:
    """Return what is wrong with the end of a command whose disk was full."""
    text = log.read_text(errors="replace")
    if status not in (0, 2):
        return [f"full disk: exit status {status}: {text.strip()[-200:]!r}"]
    if "Traceback" in text:
        return ["full disk: traceback"]
    return ["full disk: no message"] if status and "no space" not in text.lower() else []


def server_port(data: Path) -> int:
    """Return the port of the Prefect server of a data folder."""
    return int(json.loads((data / "server" / "server.json").read_bytes())["port"])
