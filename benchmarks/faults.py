"""Kill fluke's commands and fill their disk at random moments, run them again, and check that nothing is lost.

    .venv/bin/python -m benchmarks.faults [--kills 50] [--full-disks 20] [--seed 0] [--only run:17] [--logs FOLDER]

The commands are `run`, `predict` (with --out and --heat-maps), `export`, `review` (decisions through its HTTP API),
`review --export` and `prune`, on a data folder of 60 tiny photos. Each fault is one case, on a fresh copy of the data
folder:

- a kill: SIGKILL of all processes of the command, at a moment that is uniform over its undisturbed duration. The
  duration is measured as CPU time, so that the moments are the same on a busy machine;
- a full disk: a file leaves between nothing and as much space as the undisturbed command needed. This needs root, for
  a tmpfs of its own; otherwise these cases are skipped.

Then the same command runs without a fault, and the result is compared with that of a command that had none, see
`benchmarks.fault_checks`. Every violation is printed with its case; `--only` repeats a case, with the same seed.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import fault_checks as checks
from benchmarks.fault_commands import COMMANDS, Attempt, Command, Places, prepare
from benchmarks.measure import FLUKE, run, scratch
from flows.error_messages import USER_ERROR

_DISK_MB = 512
_ATTEMPTS = 3
"""How often a command is executed that ends before it is killed."""
_SHARES = {"run": 0.3, "predict": 0.2, "export": 0.14, "review": 0.12, "review --export": 0.12, "prune": 0.12}
"""The share of the faults of each command."""


@dataclass
class Undisturbed:
    """What a command does without a fault."""

    cpu_s: float
    """The shortest CPU time of all that ended: on a busy machine it is longer."""
    bytes: int
    """By how much it makes the disk fuller."""
    digests: dict[str, str]
    """Of its results, by name."""
    before: checks.Kept
    """What was there when it started, and must not be lost."""


@dataclass(frozen=True)
class Fault:
    """One case: which command is disturbed, and how; the same seed gives the same moment."""

    command: Command
    number: int
    is_kill: bool
    """Otherwise its disk is full."""
    seed: int

    @property
    def name(self) -> str:
        return f"{self.command.name}:{self.number}"

    @property
    def share(self) -> float:
        """The share of the undisturbed time, or of the needed space, after which the fault occurs: 0 to 1."""
        return float(np.random.default_rng([self.seed, zlib.crc32(self.command.name.encode()), self.number]).random())


@dataclass
class Score:
    """The outcome of all faults of one command."""

    kills: int = 0
    full: int = 0
    unharmed: int = 0
    """The command ended before it was killed, or the space was enough."""
    recovered: int = 0
    same: int = 0
    lost: int = 0
    half: int = 0
    partial: int = 0
    """Temporary files that were left in the data folder, and next to what the command writes."""
    slowest_s: float = 0
    violations: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--full-disks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", metavar="COMMANDS[:NUMBER]", help="the cases of some commands, or one: run,prune or run:17"
    )
    parser.add_argument("--logs", type=Path, help="keep the output of the commands in this folder")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # stops the server, unmounts the disk
    only, _, number = (options.only or "").partition(":")

    began = time.monotonic()
    scores: dict[str, Score] = {}
    with scratch() as home, _disk() as (disk, is_own), _server(home / "server"):
        logs = options.logs or home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        places = Places(home, disk, logs)
        prepare(places)
        if not is_own:
            print("no full disks: mounting a tmpfs needs root", flush=True)
        kills, full = (_deal(count) for count in (options.kills, options.full_disks if is_own else 0))
        for command in COMMANDS:
            if not only or command.name in only.split(","):
                undisturbed = _undisturbed(command, places)
                _note(f"{command.name}: {undisturbed.cpu_s:.1f} s of CPU time, {undisturbed.bytes:,} bytes")
                score = scores[command.name] = Score()
                for case in range(kills[command.name] + full[command.name]):
                    if number in ("", str(case)):
                        fault = Fault(command, case, case < kills[command.name], options.seed)
                        _case(fault, undisturbed, places, score)
    print(
        "| command | kills | full disks | recovered | same digests | lost | half files | left `.partial-` "
        "| not reached | slowest recovery |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for name, score in scores.items():
        print(
            f"| {name} | {score.kills} | {score.full} | {score.recovered} | {score.same} | {score.lost} | {score.half} "
            f"| {score.partial} | {score.unharmed} | {score.slowest_s:.1f} s |"
        )
    violations = [violation for score in scores.values() for violation in score.violations]
    print("", f"{len(violations)} violations, {time.monotonic() - began:.0f} s", *violations, sep="\n")
    sys.exit(bool(violations))


def _deal(faults: int) -> dict[str, int]:
    """Return how many of the faults each command gets; the first gets what rounding leaves."""
    dealt = {name: int(faults * share) for name, share in _SHARES.items()}
    dealt["run"] += faults - sum(dealt.values())
    return dealt


def _undisturbed(command: Command, places: Places) -> Undisturbed:
    places.reset(command)
    before, used = checks.kept(places.data), _used(places.disk)
    attempt = command.attempt(places, "undisturbed")
    if attempt.status:
        raise SystemExit(f"{command.name} fails without a fault: {attempt.log.read_text()[-2000:]}")
    needed = _used(places.disk) - used
    return Undisturbed(attempt.cpu_s, max(needed, 1 << 14), command.digests(places), before)


def _case(fault: Fault, undisturbed: Undisturbed, places: Places, score: Score) -> None:
    """Disturb a command, run it again, and add what was found to the score."""
    command, name = fault.command, fault.name
    places.reset(command)
    if fault.is_kill:
        disturbed, cpu_s = _killed(fault, undisturbed, places)
        moment = f"killed after {cpu_s:.2f} s of CPU time"
        score.kills += 1
        found = []
    else:
        free_bytes = int(fault.share * undisturbed.bytes)
        moment = f"{free_bytes:,} bytes free"
        score.full += 1
        with _filled(places.disk, free_bytes):
            disturbed = command.attempt(places, f"{name} fault")
        found = checks.message_of_a_full_disk(disturbed.status, disturbed.log)
    score.unharmed += disturbed.status == 0 and not disturbed.review.is_refused
    half = checks.half_files(places.data) + command.half(places, undisturbed.digests)
    lost = checks.lost(undisturbed.before, places.data)

    again = command.attempt(places, f"{name} again", acknowledged=disturbed.review.acknowledged)
    digests = command.digests(places)
    differs = sorted(key for key in digests | undisturbed.digests if digests.get(key) != undisturbed.digests.get(key))
    # A command that was killed after it had finished its folder finds that when it runs again.
    if again.status == 0 or (command.creates and again.status == USER_ERROR and not differs):
        score.recovered += 1
        score.slowest_s = max(score.slowest_s, again.seconds)
    else:
        found.append(f"the second command ended with {again.status}: {_last_line(again)}")
    half += checks.half_files(places.data)
    lost += checks.lost(undisturbed.before, places.data) + again.review.lost
    if differs:
        found.append(f"differs: {', '.join(differs[:5])}")
    left = checks.partial(places.data)
    found += checks.partial_after_prune(places.data, left)
    found += [f"lost: {what}" for what in dict.fromkeys(lost)] + [f"half: {what}" for what in dict.fromkeys(half)]
    score.same += not differs
    score.lost += bool(lost)
    score.half += bool(half)
    score.partial += len(left) + len(checks.partial(places.out))
    score.violations += [f"- `--only {name} --seed {fault.seed}` ({moment}): {what}" for what in found]
    _note("; ".join([f"{name}: {moment}, status {disturbed.status}", f"again {again.seconds:.1f} s", *found]))


def _killed(fault: Fault, undisturbed: Undisturbed, places: Places) -> tuple[Attempt, float]:
    """Execute a command and kill it; again and sooner if it has ended before. Return the CPU seconds, too."""
    for _ in range(_ATTEMPTS):
        cpu_s = fault.share * undisturbed.cpu_s
        disturbed = fault.command.attempt(places, f"{fault.name} fault", kill_at_cpu_s=cpu_s)
        if disturbed.status or disturbed.cpu_s >= undisturbed.cpu_s:
            break
        undisturbed.cpu_s = disturbed.cpu_s
        places.reset(fault.command)
    return disturbed, cpu_s


def _last_line(attempt: Attempt) -> str:
    return (attempt.log.read_text(errors="replace").strip().splitlines() or [""])[-1][:300]


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _disk() -> Iterator[tuple[Path, bool]]:
    """Yield a folder, and whether it is a disk of its own, which can be filled without harm to others."""
    folder = Path(tempfile.mkdtemp(prefix="fluke-faults-"))
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "fluke-faults", folder], check=False
        ).returncode
    )
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _filled(disk: Path, free_bytes: int) -> Iterator[None]:
    """Fill the disk with a file until so many bytes are free; delete the file at the end."""
    there = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, there.f_bavail * there.f_frsize - free_bytes))
    try:
        yield
    finally:
        ballast.unlink()


def _used(disk: Path) -> int:
    there = os.statvfs(disk)
    return (there.f_blocks - there.f_bfree) * there.f_frsize


@contextmanager
def _server(data: Path) -> Iterator[None]:
    """Run one Prefect server for all commands, apart from the disk that is filled."""
    data.mkdir()
    try:
        run([FLUKE, "up"], data)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{checks.server_port(data)}/api"
        yield
    finally:
        run([FLUKE, "down"], data)


if __name__ == "__main__":
    main()
