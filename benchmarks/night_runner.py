"""A data folder in which night follows night, and what each of them left behind, for `benchmarks.nights`."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from flows.models.registry import Registry
from flows.models.test_list import PinnedList
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store.store import Store, size_bytes

if TYPE_CHECKING:
    import pandas as pd

NAME = "nights"
MARGIN = 0.01
_SETTINGS = (
    f"name={NAME}",
    f"promote.margin={MARGIN}",
    "train.recipe=logistic",
    "train.metric=accuracy",
    "evaluate.layer_images=0",
    "evaluate.gallery=0",
    "filter.label_issues=0",
)
_LIMIT_S = 1800.0
"""After so many seconds, a night hangs."""


@dataclass(frozen=True)
class Night:
    """What one run left behind."""

    what: str
    record: RunRecord
    champion: str | None
    listed: int
    seconds: float
    bytes: int


@dataclass
class Nights:
    """The photos, the data folder, and what happened so far."""

    source: Path
    home: Path
    nights: list[Night] = field(default_factory=list)
    sha256: set[str] = field(default_factory=set)
    """Of all photos that were ever there."""
    wrong: dict[str, str] = field(default_factory=dict)
    """The photos that were added under a wrong label, and that label, by SHA-256."""
    problems: list[str] = field(default_factory=list)
    _used: dict[str, int] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "disk" / "data"

    @property
    def photos(self) -> Path:
        """The folder that each night reads."""
        return self.home / "photos"

    def add(self, count: int, *labels: str, wrong: float = 0.0) -> None:
        """Add new photos of some classes; a share of them under the label of the next class."""
        for number, label in enumerate(labels):
            start = self._used.get(label, 0)
            new = sorted((self.source / label).iterdir())[start : start + count]
            self._used[label] = start + count
            for index, path in enumerate(new):
                is_wrong = index < round(wrong * count)
                given = labels[(number + is_wrong) % len(labels)]
                digest = self._put(path.read_bytes(), given, path.name)
                if is_wrong:
                    self.wrong[digest] = given

    def add_copies(self, count: int) -> set[str]:
        """Add photos of the list, in another encoding; returns their SHA-256."""
        rows = self.test_list().iloc[::3][:count]
        made = set()
        for label, file in zip(rows["label"], rows["file"], strict=True):
            pixels = cv2.imread(str(self.data / file))
            assert pixels is not None
            encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 70])[1].tobytes()
            made.add(self._put(encoded, label, f"copy of {Path(file).name}"))
        return made

    def test_list(self) -> "pd.DataFrame":
        """Return the test list as it is now."""
        rows = PinnedList(self.data, NAME).read()
        assert rows is not None
        return rows

    def wrong_labels(self) -> tuple[int, int, int]:
        """Count the test photos that were added under a wrong label: all, those on the list, and those that wait."""
        kept = tables.filter.KEPT.read(folder_of(self.data, read_records(self.data)[0], "filter"))
        tested = set(kept.loc[kept["split"] == "test", "photo"]) & set(self.wrong)
        rows, waiting = self.test_list(), PinnedList(self.data, NAME).waiting()
        return len(tested), *(
            sum(self.wrong.get(photo) == label for photo, label in zip(each["photo"], each["label"], strict=True))
            for each in (rows, waiting)
        )

    def run(self, what: str, *more: str, at: str = "", action: Callable[[int], None] | None = None) -> RunRecord:
        """Run one night; as soon as the stage `at` is done, the action gets the ID of its process.

        Raises:
            SystemExit: The night didn't begin, or took longer than the limit.
        """
        before = {record.id for record in read_records(self.data)}
        began = time.monotonic()
        with (self.home / f"night {len(self.nights) + 1}.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.one_night",
                    "default",
                    f"crawl.path={self.photos}",
                    *_SETTINGS,
                    *more,
                ],
                env=os.environ | {"FLUKE_DATA": str(self.data)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            while process.poll() is None and time.monotonic() - began < _LIMIT_S:
                if action and at in _stages(self.data, before):
                    action(process.pid)
                    action = None
                time.sleep(0.05)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                raise SystemExit(f"{what}: not done after {_LIMIT_S:.0f} s")
        seconds = time.monotonic() - began
        records = [record for record in read_records(self.data) if record.id not in before]
        if not records:
            raise SystemExit(f"{what}: the night didn't begin; see {log.name}")
        stored = PinnedList(self.data, NAME).read()
        night = Night(
            what,
            records[0],
            Registry(self.data, NAME).champion(),
            0 if stored is None else len(stored),
            seconds,
            size_bytes(self.data),
        )
        self.nights.append(night)
        print(f"{what}: {': '.join(outcome(records[0], self.data))}, {seconds:.0f} s", file=sys.stderr, flush=True)
        return records[0]

    def expect(self, is_so: bool, problem: str) -> None:
        """Note a problem unless something is so."""
        if not is_so:
            self.problems.append(problem)

    def _put(self, content: bytes, label: str, name: str) -> str:
        folder = self.photos / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self.sha256.add(digest)
        return digest


def names_of(record: RunRecord) -> list[str]:
    """Return the stages that are done in a run."""
    return [stage.artifact.stage for stage in record.stages]


def _stages(data: Path, before: set[str]) -> list[str]:
    """Return the stages that are done in a run that began after some others."""
    return next((names_of(record) for record in read_records(data) if record.id not in before), [])


def folder_of(data: Path, record: RunRecord, stage: str) -> Path:
    """Return the folder of what a stage has made in a run."""
    return next(Store(data).folder(each.artifact) for each in record.stages if each.artifact.stage == stage)


def outcome(record: RunRecord, data: Path) -> tuple[str, str]:
    """Return how a night ended, in one word or two, and why."""
    return (record.decision, record.reason) if record.decision else (record.current_state(data), record.error)
