"""The commands that `benchmarks.faults` disturbs, on a small data folder, and the digests of their results."""

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from benchmarks import fault_checks as checks
from benchmarks.fault_review import Review, decide
from benchmarks.measure import FLUKE, make_photos
from flows.run_records import read_records
from tasks.tables.evaluate import REPORT

_LIMIT_S = 300.0
"""A command that takes longer is killed, and counts as one that has failed."""
_POLL_S = 0.01
_PREDICTIONS = "predictions.csv"
_PHOTOS, _CLASSES = 60, 3
_LATER = 10
"""Photos that are added before the run that is disturbed."""
_SETTINGS = (
    *("filter.label_issues=6", "preprocess.side_px=32", "pretrain.filters=[8,8]", "pretrain.code_channels=4"),
    *("pretrain.encoder=autoencoder", "pretrain.epochs=2", "pretrain.refresh_growth=0", "train.filters=[8,8]"),
    *("train.recipe=network", "train.epochs=3"),  # auto would depend on the time, and so on the fault
    *("evaluate.layer_images=0", "evaluate.gallery=6", "evaluate.bootstrap=100", "workers.threads=2"),
)


@dataclass(frozen=True)
class Places:
    """The folders of the benchmark."""

    home: Path
    """The photos, and the data folders that are copied."""
    disk: Path
    """What is written by the commands is on this disk."""
    logs: Path

    @property
    def photos(self) -> Path:
        return self.home / "photos"

    @property
    def data(self) -> Path:
        return self.disk / "data"

    @property
    def out(self) -> Path:
        return self.disk / "out"

    @property
    def preset(self) -> tuple[str, ...]:
        return ("default", f"crawl.path={self.photos}", *_SETTINGS)

    def reset(self, command: "Command") -> None:
        """Put the data folder, and what the command writes, back to what they were before it."""
        for folder in (self.data, self.out):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.home / command.template, self.data)
        self.out.mkdir()
        (self.out / _PREDICTIONS).write_text("image,class_1\nof an earlier prediction,class 0\n")


@dataclass
class Attempt:
    """One execution of a command."""

    status: int
    """Exit status; negative if it was killed."""
    seconds: float
    cpu_s: float
    log: Path
    review: Review = field(default_factory=Review)


@dataclass(frozen=True)
class Command:
    """A command, and what it should give."""

    name: str
    template: str
    """The data folder on which it runs."""
    arguments: Callable[[Places], Sequence[str]]
    digests: Callable[[Places], dict[str, str]]
    """Digests of what the command has made, by name."""
    half: Callable[[Places, Mapping[str, str]], list[str]] = lambda places, digests: []
    """What is there after a fault and is neither what was there before nor the whole result."""
    creates: bool = False
    """It makes a new folder, and refuses one that is there."""
    decides: bool = False
    """It is a server that is asked for decisions, until it gets Ctrl-C."""

    def attempt(self, places: Places, name: str, kill_at_cpu_s: float | None = None, acknowledged: int = 0) -> Attempt:
        """Execute it; kill all its processes when it has used so much CPU time, if that is given."""
        log = places.logs / f"{name.replace(' ', '-').replace(':', '-')}.log"
        began, before_s = time.monotonic(), _children_cpu_s()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [FLUKE, *self.arguments(places)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=places.disk,
                env=os.environ | {"FLUKE_DATA": str(places.data)},
            )
        killer = threading.Thread(target=_kill_at, args=(process, kill_at_cpu_s, began + _LIMIT_S))
        killer.start()
        attempt = Attempt(0, 0, 0, log, Review(acknowledged))
        try:
            if self.decides and decide(process, log, attempt.review):
                process.send_signal(signal.SIGINT)
            attempt.status = process.wait()
        finally:
            _kill(process)
            process.wait()
            killer.join()
        attempt.seconds, attempt.cpu_s = time.monotonic() - began, _children_cpu_s() - before_s
        return attempt


def _kill_at(process: "subprocess.Popen[bytes]", cpu_s: float | None, deadline: float) -> None:
    """Kill all processes of a command when it has used so much CPU time; at the deadline in any case."""
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    while process.poll() is None:
        with suppress(OSError):  # it has just ended
            user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            if cpu_s is not None and (int(user) + int(system)) / ticks_per_s >= cpu_s:
                _kill(process)
        if time.monotonic() > deadline:
            _kill(process)
        time.sleep(_POLL_S)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def prepare(places: Places) -> None:
    """Make the data folders: `first` after a run, `second` after a run with other photos, which others copy."""
    make_photos(places.photos, _PHOTOS, _CLASSES)
    photos = sorted(places.photos.rglob("*.jpg"))
    kept_back = places.home / "later"
    kept_back.mkdir()
    for photo in photos[: _LATER * 6 : 6]:
        photo.rename(kept_back / f"{photo.parent.name}~{photo.name}")
    for name in ("first", "second"):
        places.data.mkdir(exist_ok=True)
        made = COMMANDS[0].attempt(places, f"prepare {name}")
        if made.status:
            raise SystemExit(f"the data folder can't be made: {made.log.read_text()[-2000:]}")
        shutil.copytree(places.data, places.home / name)
        if name == "first":
            for photo in kept_back.iterdir():
                label, _, file = photo.name.partition("~")
                photo.rename(places.photos / label / file)
            for photo in photos[1:10:3]:  # the split of photos that have gone must be remembered
                photo.unlink()
    shutil.rmtree(places.data)


def _of_files(places: Places) -> dict[str, str]:
    """Return the SHA-256 of each file that the command has written outside the data folder, by its path."""
    paths = (path for path in places.out.rglob("*") if path.is_file() and ".partial-" not in str(path))
    return {str(path.relative_to(places.out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _of_run(places: Places) -> dict[str, str]:
    """Return the content digests of the newest run's artifacts, and what the data folder remembers."""
    record = read_records(places.data)[0]
    folder = places.data / "artifacts"
    found = {stage.artifact.stage: stage.artifact.digest for stage in record.stages}
    found |= {"state": record.state, "photos": repr(sorted(path.name for path in checks.photos(places.data)))}
    found["report"] = str(REPORT.path(folder / "evaluate" / record.stages[-1].artifact.key).exists())
    return found | {"splits": repr(sorted(checks.splits(places.data).items()))}


def _half_prediction(places: Places, whole: Mapping[str, str]) -> list[str]:
    there = _of_files(places)
    if checks.is_old(places.out / _PREDICTIONS):
        del there[_PREDICTIONS]
    return [name for name, digest in there.items() if whole.get(name) != digest] + _lacking(there, whole, "maps")


def _of_export(places: Places) -> dict[str, str]:
    """Return the names of an exported model's files, and its answer for a photo: its bytes differ from time to time."""
    import tensorflow as tf

    folder = places.out / "model"
    if not folder.exists():
        return {}
    found = dict.fromkeys(_of_files(places), "")
    photo = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))[1].tobytes()
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"](photos=tf.constant([photo]))
    return found | {"answer": repr(np.round(answer["probabilities"].numpy(), 5).tolist())}


def _half_folder(name: str) -> Callable[[Places, Mapping[str, str]], list[str]]:
    return lambda places, whole: _lacking(_of_files(places), whole, name)


def _lacking(there: Mapping[str, str], whole: Mapping[str, str], folder: str) -> list[str]:
    """Say how many files a folder lacks, if it is there."""
    begins = f"{folder}/"
    if not any(name.startswith(begins) for name in there):
        return []
    missing = [name for name in whole if name.startswith(begins) and name not in there]
    return [f"{folder} lacks {len(missing)} files"] if missing else []


def _of_review(places: Places) -> dict[str, str]:
    return {"decisions": repr(sorted(checks.decisions(places.data).items()))}


def _of_prune(places: Places) -> dict[str, str]:
    parts = ("artifacts", "pools", "photos")
    return dict.fromkeys((file for part in parts for file in checks.files(places.data, part)), "")


COMMANDS = (
    Command("run", "first", lambda places: ["run", *places.preset], _of_run),
    Command(
        "predict",
        "second",
        lambda places: [
            *("predict", str(places.photos), "--out", f"{places.out}/{_PREDICTIONS}"),
            *("--heat-maps", f"{places.out}/maps"),
        ],
        _of_files,
        _half_prediction,
    ),
    Command(
        "export",
        "second",
        lambda places: ["export", f"{places.out}/model"],
        _of_export,
        _half_folder("model"),
        creates=True,
    ),
    Command("review", "second", lambda places: ["review", *places.preset, "--no-browser"], _of_review, decides=True),
    Command(
        "review --export",
        "second",
        lambda places: ["review", *places.preset, "--export", f"{places.out}/sheet"],
        _of_files,
        _half_folder("sheet"),
        creates=True,
    ),
    Command("prune", "second", lambda places: ["prune", "--keep", "0", "--yes"], _of_prune),
)
