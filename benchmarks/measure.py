"""What the benchmarks share: running a command and measuring its time and peak memory; photos made up in any number."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

FLUKE = str(Path(sys.executable).with_name("fluke"))


@dataclass(frozen=True)
class Cost:
    """Of one process, with the children that it waited for."""

    seconds: float
    peak_mb: float


def run(command: Sequence[str], data: Path, **environment: str) -> Cost:
    """Run a command with FLUKE_DATA set; its output goes to stderr."""
    began = time.monotonic()
    pid = os.posix_spawn(
        command[0],
        list(command),
        os.environ | {"FLUKE_DATA": str(data)} | environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)],
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed with status {os.waitstatus_to_exitcode(status)}")
    return Cost(time.monotonic() - began, usage.ru_maxrss / 1024)


@contextmanager
def server(data: Path) -> Iterator[None]:
    """A Prefect server for the runs below a data folder, started before anything is timed."""
    run([FLUKE, "up"], data)
    try:
        yield
    finally:
        run([FLUKE, "down"], data)


@contextmanager
def scratch() -> Iterator[Path]:
    """A data folder that is deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fluke-benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_photos(folder: Path, count: int, classes: int = 10, side_px: int = 64) -> None:
    """Write `count` different JPEGs, in a sub-folder per class; each class has its own brightness."""
    rng = np.random.default_rng(0)
    for number in range(count):
        label = number % classes
        home = folder / f"class {label}"
        home.mkdir(parents=True, exist_ok=True)
        rough = rng.integers(10 * label, 150 + 10 * label, (24, 24, 3), np.uint8)
        photo = cv2.resize(rough, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(home / f"{number:06d}.jpg"), photo)
