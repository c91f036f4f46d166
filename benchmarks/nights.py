"""Ten nights with real photos, on which nearly everything goes wrong: does the model that is used stay good?

    python -m benchmarks.nights TRASHNET SCRATCH

TRASHNET has one folder of photos for each class, 100 or more in each. Each night is a scheduled run in a process of its
own, with one data folder and one server. Root gets a tmpfs below SCRATCH, which fills one night; without root, a limit
of the size of files stands in for the full disk.

The exit code is 1 if the champion was ever worse on the test list than the margin below the best before, if a photo was
lost, if a night that must stop trained, if a copy of a listed photo was trained on, if more than a quarter of the wrong
labels joined the list, or if prune deleted a champion.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.night_runner import MARGIN, NAME, Nights, folder_of, names_of, outcome
from flows import server
from flows.models.registry import Registry
from flows.run_records import read_records
from tasks import tables
from tasks.store.store import size_bytes

if TYPE_CHECKING:
    import pandas as pd

_FIRST, _NEW = 45, 5
"""Photos of a class in its first night, and new ones in each later night."""
_EARLY = ("cardboard", "glass", "metal", "paper")
_LATE = "plastic"
_STALL_S = 20.0
_TMPFS_MB = 2000
_FILE_LIMIT_BYTES = 100_000
_AHEAD_DAYS = 365


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
    nights.expect(
        record.state == "failed" and "train" not in names_of(record), "a class was gone, and the night trained"
    )
    gone.rename(nights.photos / "glass")

    nights.add(2 * _NEW, *every, wrong=0.3)
    nights.run("the class is back; 30 % of the new labels are wrong")

    copies = nights.add_copies(15)
    record = nights.run("copies of 15 listed photos, encoded anew")
    trained = tables.train.TRAINED_ON.read(folder_of(nights.data, record, "train"))["photo"]
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
        if night.champion is None:
            accuracies.append(None)
            continue
        listed = rows.loc[rows["since"] <= night.record.number, "file"]
        earlier = {each.champion for each in nights.nights[: number + 1] if each.champion}
        scores = {champion: float(right[champion][listed].mean()) for champion in earlier}
        accuracies.append(scores[night.champion])
        below = max(scores.values()) - scores[night.champion]
        nights.expect(below <= MARGIN + 1e-9, f"{night.what}: the champion is {100 * below:.1f} points below the best")
    return accuracies


def check_prune(nights: Nights) -> tuple[int, int]:
    """Prune, and check that the champion and all photos are there; returns the bytes before and after."""
    data, registry = nights.data, Registry(nights.data, NAME)
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
        decision, reason = outcome(night.record, nights.data)
        champion = names.setdefault(night.champion, f"night {number}")
        score = "" if accuracy is None else f"{100 * accuracy:.1f} %"
        cells = (f"{number}. {night.what}", decision, champion, score, night.listed, round(night.seconds))
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
            tested, listed, waiting = nights.wrong_labels()
            nights.expect(4 * listed <= tested, f"{listed} of {tested} wrong labels have joined the test list")
        print(*table(nights, accuracies), sep="\n")
        print(f"\nof {tested} test photos with a wrong label, {listed} are on the list, {waiting} wait")
        print(f"\nprune: from {before / 1e6:.0f} to {after / 1e6:.0f} MB")
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "--lazy", str(nights.data.parent)], check=True)
    if nights.problems:
        raise SystemExit("\n".join(nights.problems))


if __name__ == "__main__":
    main()
