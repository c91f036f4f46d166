"""Measure the memory for photos that are small files with many pixels, and for many photos.

    .venv/bin/python -m benchmarks.memory [--limit-gb 4] [--mpx 177 499] [--formats] [--commands]
    .venv/bin/python -m benchmarks.memory --photos 2500 25000 [SETTING=VALUE ...]

`--formats` decodes one file of each format alone, in a process of its own: as the filter does, and at full size.
`--commands` puts all of them into a folder with normal photos, and executes `fluke run` with label issues and faces,
`predict --heat-maps`, `review --export` and `check`. Each command is in a memory cgroup of its own, which kills it at
the limit, which needs root. The peak is the largest sum of the resident sets of its processes, ten times a second.

`--photos` measures the peak of each stage, in a process of its own, with so many photos of 64 px; an autoencoder and a
convnet learn from them, one epoch each. The settings come after these.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import bombs
from benchmarks.measure import FLUKE, make_photos, run, run_tree, scratch, server
from configs.schema import STAGE_NAMES
from tasks.images import photos

_CGROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
_LIMITS = ("memory.limit_in_bytes", "memory.max")
_LIMIT_S = 3600.0
_SETTINGS = (  # so that no photo is rejected
    *("filter.dark_level=null", "filter.light_level=null", "filter.min_contrast=null", "filter.min_sharpness=null"),
    *("filter.duplicate_bits=null", "filter.drop_duplicates=false", "filter.drop_contradictions=false"),
    *("filter.label_issues=20", "filter.faces=[0,9]", "crawl.max_photo_mpx=500", "crawl.max_loss=0.9"),
    *("train.epochs=2", "evaluate.layer_images=2", "evaluate.gallery=200"),
)

_MANY = (
    *("filter.duplicate_bits=null", "filter.min_sharpness=null", "preprocess.side_px=64", "evaluate.bootstrap=200"),
    *("pretrain.encoder=autoencoder", "pretrain.epochs=1", "train.recipe=network", "train.epochs=1"),
)
_FROM_TILES = "train, on tiles"
"""Without an encoder, and so without the logistic regression that a report compares with: that needs all features."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit-gb", type=float, default=4)
    parser.add_argument("--mpx", type=float, nargs="+", default=[177, 499])
    parser.add_argument("--formats", action="store_true")
    parser.add_argument("--commands", action="store_true")
    parser.add_argument("--photos", type=int, nargs="+", default=[])
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE")
    parser.add_argument("--decode", nargs=2, metavar=("FILE", "PX"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.decode:
        _decode(Path(options.decode[0]), int(options.decode[1]) or None)
        return
    if options.photos:
        _by_photos(options.photos, options.settings)
        return
    with scratch() as home:
        written = [bombs.write(home / "photos" / f"bombs {mpx:g}", mpx) for mpx in options.mpx]
        files = {name: path for found in written for name, path in found.items()}
        if options.formats:
            _formats(files, home, options.limit_gb)
        if options.commands:
            make_photos(home / "photos", 60, 3)
            _commands(home, options.limit_gb)


def _formats(files: dict[str, Path], home: Path, limit_gb: float) -> None:
    print("| photo | file, kB | filter, MB | | full size, MB | |\n|---|---|---|---|---|---|", flush=True)
    for name, path in files.items():
        row = [name, f"{path.stat().st_size / 1e3:,.0f}"]
        for side_px in (192, 0):
            command = [sys.executable, "-m", "benchmarks.memory", "--decode", str(path), str(side_px)]
            row += _measured(command, home, limit_gb)
        print(f"| {' | '.join(row)} |", flush=True)


def _commands(home: Path, limit_gb: float) -> None:
    data, given = home / "data", home / "photos"
    commands = {
        "run": ["run", "default", f"crawl.path={given}", *_SETTINGS],
        "predict --heat-maps": ["predict", str(given), "--heat-maps", str(home / "maps")],
        "review --export": ["review", "default", f"crawl.path={given}", *_SETTINGS, "--export", str(home / "sheet")],
        "check": ["check", str(given), *(setting for setting in _SETTINGS if setting.startswith(("filter", "crawl")))],
    }
    print("| command | peak, MB | end |\n|---|---|---|", flush=True)
    os.environ["FLUKE_DATA"] = str(data)
    with server(data):
        for name, arguments in commands.items():
            print(f"| {name} | {' | '.join(_measured([FLUKE, *arguments], home, limit_gb))} |", flush=True)


def _by_photos(counts: list[int], settings: list[str]) -> None:
    peaks: dict[str, list[float]] = {stage: [] for stage in [*STAGE_NAMES, _FROM_TILES]}
    for count in counts:
        with scratch() as data, server(data):
            make_photos(data / "given", count)
            given = [f"crawl.path={data / 'given'}", *_MANY, *settings]
            for stage in STAGE_NAMES:
                peaks[stage].append(run([FLUKE, "stage", stage, "default", *given], data).peak_mb)
            given.append("pretrain.encoder=none")
            peaks[_FROM_TILES].append(run([FLUKE, "stage", "train", "default", *given], data).peak_mb)
    print(f"| stage | {' | '.join(f'{count:,} photos, MB' for count in counts)} | largest / smallest |")
    print(f"|{'---|' * (len(counts) + 2)}")
    for name, found in peaks.items():
        print(f"| {name} | {' | '.join(f'{peak:,.0f}' for peak in found)} | {max(found) / min(found):.3f} |")


def _measured(command: list[str], home: Path, limit_gb: float) -> list[str]:
    """Execute a command below the limit; return its peak in MB, and how it ended."""
    log = home / "log"
    with _cgroup(int(limit_gb * 1e9)) as processes:
        # A shell puts itself into the cgroup, and becomes the command.
        cost = run_tree(["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(processes), *command], log, _LIMIT_S)
    last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
    end = {0: last if "--decode" in command else "done", -9: "killed"}.get(cost.status or 0, last[:200])
    return [f"{cost.peak_mb:,.0f}", end]


@contextmanager
def _cgroup(limit_bytes: int) -> Iterator[Path]:
    """Make a memory cgroup (version 1 or 2) with a limit; yield the file to which processes are added."""
    for mount, limit in zip(_CGROUPS, _LIMITS, strict=True):
        folder = mount / f"fluke-benchmark-{os.getpid()}"
        if (mount / "cgroup.procs").exists() and os.access(mount, os.W_OK):
            folder.mkdir()
            try:
                (folder / limit).write_text(str(limit_bytes))
                yield folder / "cgroup.procs"
            finally:
                folder.rmdir()
            return
    raise SystemExit("no memory cgroup can be made here: run this as root")


def _decode(path: Path, at_least_px: int | None) -> None:
    try:
        photos.decode_to(lambda pixels: pixels.shape, path.read_bytes(), at_least_px=at_least_px)
        print("decoded")
    except (ValueError, MemoryError) as error:
        print("refused" if isinstance(error, MemoryError) else f"refused: {error}")


if __name__ == "__main__":
    main()
