"""Ten nights with real photos, on which nearly everything goes wrong: does the model that is used stay good?

    python -m benchmarks.nights TRASHNET SCRATCH

TRASHNET has one folder of photos for each class, 120 or more in each. Each night is a scheduled run in a process of its
own, with one data folder and one server. Root gets a tmpfs below SCRATCH, which fills one night; without root, a limit
of the size of files stands in for the full disk.

The exit code is 1 if the champion was ever worse on the test list than the margin below the best before, if a photo was
lost, if a night that must stop trained, if a copy of a listed photo was trained on, or if prune deleted a champion.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import cv2

from benchmarks import measure
from flows import server
from flows.models.registry import Registry
from flows.models.test_list import PinnedList
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store.store import Store, size_bytes

if TYPE_CHECKING:
    import pandas as pd

_NAME = "nights"
_MARGIN = 0.01
_SETTINGS = (
    f"name={_NAME}",
    f"promote.margin={_MARGIN}",
    "train.recipe=logistic",
    "train.metric=accuracy",
    "evaluate.layer_images=0",
    "evaluate.gallery=0",
    "filter.label_issues=0",
)
_FIRST, _NEW = 50, 6
"""Photos of a class in its first night, and new ones in each later night."""
_EARLY = ("cardboard", "glass", "metal", "paper")
_LATE = "plastic"
_STALL_S = 20.0
_LIMIT_S = 900.0
_TMPFS_MB = 2000
_FILE_LIMIT_BYTES = 100_000
_AHEAD_DAYS = 365


@dataclass(frozen=True)
class Night:
    """What one run left behind."""

    what: str
    record: RunRecord | None
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
                self._put(path.read_bytes(), labels[(number + is_wrong) % len(labels)], path.name)

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
        rows = PinnedList(self.data, _NAME).read()
        assert rows is not None
        return rows

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
        stored = PinnedList(self.data, _NAME).read()
        night = Night(
            what,
            records[0],
            Registry(self.data, _NAME).champion(),
            0 if stored is None else len(stored),
            seconds,
            size_bytes(self.data),
        )
        self.nights.append(night)
        print(f"{what}: {': '.join(_outcome(records[0], self.data))}, {seconds:.0f} s", file=sys.stderr, flush=True)
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


def ten_nights(nights: Nights) -> None:
    """Run the nights; what must hold in one of them is checked here."""
    every = (*_EARLY, _LATE)
    nights.add(_FIRST, *_EARLY)
    nights.run("the first night")
    nights.add(_NEW, *_EARLY)
    nights.run("new photos of each class")
    nights.add(_FIRST, _LATE)
    nights.run("a class comes")

    gone = nights.home / "not mounted"
    (nights.photos / "glass").rename(gone)
    record = nights.run("a class is gone (disk not mounted)")
    nights.expect(record.state == "failed" and "train" not in _names(record), "a class was gone, and the night trained")
    gone.rename(nights.photos / "glass")

    nights.add(2 * _NEW, *every, wrong=0.3)
    nights.run("the class is back; 30 % of the new labels are wrong")

    copies = nights.add_copies(15)
    record = nights.run("copies of 15 listed photos, encoded anew")
    trained = tables.TRAINED_ON.read(_folder(nights.data, record, "train"))["photo"]
    nights.expect(not copies & set(trained), "a copy of a listed photo was trained on")

    nights.add(_NEW, *every)
    record = nights.run("kill -9 in mid-training", at="extract", action=_kill)
    nights.expect(record.current_state(nights.data) == "died", "the killed night isn't marked as died")
    nights.run("the same night again")

    nights.add(_NEW, *every)
    nights.run("the clock is a year ahead", f"--ahead={_AHEAD_DAYS}")

    nights.add(_NEW, *every)
    _full_disk(nights)
    nights.run("the same night with room again")

    nights.add(_NEW, *every)
    nights.run("the server stalls for 20 s", at="filter", action=partial(_stall, nights.data))
    nights.run("a bad model (a head, one epoch)", "train.recipe=head", "train.head_epochs=1")
    nights.add(_NEW, *every)
    nights.run("a night like any other")


def _kill(process: int) -> None:
    """Kill a night a second after the stage before its training was done."""
    time.sleep(1)
    os.killpg(process, signal.SIGKILL)


def _stall(data: Path, _: int) -> None:
    """Stop the server's process for a while."""
    server_process = server.process_id(data)
    assert server_process
    os.kill(server_process, signal.SIGSTOP)
    Timer(_STALL_S, os.kill, (server_process, signal.SIGCONT)).start()


def _full_disk(nights: Nights) -> None:
    """Run a night while nothing, or only small files, can be written."""
    if os.geteuid() != 0:
        record = nights.run("no file can be larger than 100 kB", f"--file-limit={_FILE_LIMIT_BYTES}")
    else:
        record = nights.run("the disk fills after the filter", at="filter", action=partial(_fill, nights.data))
        (nights.data.parent / "filling").unlink()
    nights.expect(record.state != "done", "the disk was full, and the night says that it is done")


def _fill(data: Path, _: int) -> None:
    """Leave no room on the disk of the data folder."""
    with (data.parent / "filling").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass


def _names(record: RunRecord) -> list[str]:
    return [stage.artifact.stage for stage in record.stages]


def _stages(data: Path, before: set[str]) -> list[str]:
    """Return the stages that are done in a run that began after some others."""
    return next((_names(record) for record in read_records(data) if record.id not in before), [])


def _folder(data: Path, record: RunRecord, stage: str) -> Path:
    return next(Store(data).folder(each.artifact) for each in record.stages if each.artifact.stage == stage)


def _outcome(record: RunRecord, data: Path) -> tuple[str, str]:
    """Return how a night ended, in one word or two, and why."""
    return (record.decision, record.reason) if record.decision else (record.current_state(data), record.error)


def _answers(nights: Nights, champion: str) -> "pd.Series[bool]":
    """Return for each listed photo, by its path, whether a model is right, as `fluke predict` answers."""
    import pandas as pd

    rows, folder, out = nights.test_list(), nights.home / "listed", nights.home / f"{champion}.csv"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = [f"{number:04d}{Path(file).suffix}" for number, file in enumerate(rows["file"])]
    for name, file in zip(names, rows["file"], strict=True):
        (folder / name).symlink_to(nights.data / file)
    measure.run([measure.FLUKE, "predict", str(folder), f"--model={champion}", f"--out={out}"], nights.data)
    predicted = pd.read_csv(out).set_index("image")["class_1"]
    return pd.Series([predicted[name] for name in names], rows["file"]) == rows["label"].to_numpy()


def check_champions(nights: Nights) -> list[float | None]:
    """Return the accuracy of each night's champion on the list as it was in that night.

    All champions so far answer the same photos; the one in use may be below the best of them by the margin.
    """
    rows = nights.test_list()
    champions = list(dict.fromkeys(night.champion for night in nights.nights if night.champion))
    right = {champion: _answers(nights, champion) for champion in champions}
    accuracies: list[float | None] = []
    for number, night in enumerate(nights.nights):
        if night.champion is None or night.record is None:
            accuracies.append(None)
            continue
        listed = rows.loc[rows["since"] <= night.record.number, "file"]
        earlier = {each.champion for each in nights.nights[: number + 1] if each.champion}
        scores = {champion: float(right[champion][listed].mean()) for champion in earlier}
        accuracies.append(scores[night.champion])
        below = max(scores.values()) - scores[night.champion]
        nights.expect(below <= _MARGIN + 1e-9, f"{night.what}: the champion is {100 * below:.1f} points below the best")
    return accuracies


def check_prune(nights: Nights) -> tuple[int, int]:
    """Prune, and check that the champion and all photos are there; returns the bytes before and after."""
    data, registry = nights.data, Registry(nights.data, _NAME)
    before, champion = size_bytes(data), registry.champion()
    assert champion
    answers = _answers(nights, champion)
    measure.run([measure.FLUKE, "prune", "--keep=1", "--photos", "--yes"], data)
    for record in read_records(data):
        if record.id in registry.champions()[:2]:
            nights.expect(record.model_state(data) == "intact", f"prune has deleted the model of run {record.id}")
    nights.expect(answers.equals(_answers(nights, champion)), "after prune, the champion answers otherwise")
    stored = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (data / "photos").rglob("*.*")}
    nights.expect(nights.sha256 <= stored, f"{len(nights.sha256 - stored)} photos are lost")
    return before, size_bytes(data)


def table(nights: Nights, accuracies: list[float | None]) -> list[str]:
    """Return the nights as a table, in Markdown."""
    names: dict[str | None, str] = {}
    lines = [
        "| night | outcome | champion of | accuracy on the list | listed | seconds | MB | reason |",
        "|---|---|---|--:|--:|--:|--:|---|",
    ]
    for number, (night, accuracy) in enumerate(zip(nights.nights, accuracies, strict=True), 1):
        outcome, reason = _outcome(night.record, nights.data) if night.record else ("", "")
        champion = names.setdefault(night.champion, f"night {number}")
        score = "" if accuracy is None else f"{100 * accuracy:.1f} %"
        cells = (f"{number}. {night.what}", outcome, champion, score, night.listed, round(night.seconds))
        lines.append(f"| {' | '.join(map(str, cells))} | {night.bytes / 1e6:.0f} | {reason} |")
    return lines


def main() -> None:
    """Run the nights, and print the table and the problems."""
    source, home = (Path(text).absolute() for text in sys.argv[1:3])
    nights = Nights(source, home)
    nights.data.parent.mkdir(parents=True)
    if os.geteuid() == 0:
        size = f"size={_TMPFS_MB}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(nights.data.parent)], check=True)
    try:
        with measure.server(nights.data):
            ten_nights(nights)
            accuracies = check_champions(nights)
            before, after = check_prune(nights)
        print(*table(nights, accuracies), sep="\n")
        print(f"\nprune: from {before / 1e6:.0f} to {after / 1e6:.0f} MB")
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "--lazy", str(nights.data.parent)], check=True)
    if nights.problems:
        raise SystemExit("\n".join(nights.problems))


if __name__ == "__main__":
    main()
