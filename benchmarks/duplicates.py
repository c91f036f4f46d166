"""Time and peak memory of the search for near duplicates, among hashes that are made up.

    .venv/bin/python benchmarks/duplicates.py [--counts 10000 100000 1000000] [--bits 10 20] [--kinds random skewed]

Each search runs in a process of its own. Of 256 bits, hashes are

- random: all bits at random;
- skewed: photos on white ground. Three of ten hashes have half of their bits, in runs of 8, from one of 20 common
  grounds, each bit flipped with a chance of 2 %; so some slices are common to very many hashes, of which few are near.

One of twenty is then replaced by a copy of another with 0 to 24 bits flipped. "Found" are planted pairs within the
limit that came out; "growth" is the exponent of n in the time since the row above (1: linear, 2: quadratic).
"""

import argparse
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))
_BYTES = 32
LIMIT_S = 1200


def generate(count: int, kind: str, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Different hashes `(n, 32)`, n at most `count`, and the planted pairs `(m, 3)`: row, row, bits between them."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (count, _BYTES), np.uint8)
    if kind == "skewed":
        grounds = rng.integers(0, 256, (20, _BYTES), np.uint8)
        masks = rng.random((20, _BYTES)) < 0.5
        rows = rng.permutation(count)[: count * 3 // 10]
        ground = np.minimum(rng.geometric(0.2, len(rows)), 20) - 1
        noise = np.packbits(rng.random((len(rows), 8 * _BYTES)) < 0.02, axis=1)
        hashes[rows] = np.where(masks[ground], grounds[ground] ^ noise, hashes[rows])
    order = rng.permutation(count)
    copies, originals = order[: count // 20], order[count // 20 : 2 * (count // 20)]
    flips = rng.integers(0, 25, len(copies))
    places = rng.random((len(copies), 8 * _BYTES)).argsort(axis=1).argsort(axis=1) < flips[:, None]
    hashes[copies] = hashes[originals] ^ np.packbits(places, axis=1)
    unique, row = np.unique(hashes, axis=0, return_inverse=True)
    pairs = np.sort(np.stack([row[copies], row[originals]], axis=1), axis=1)
    distances = np.bitwise_count(unique[pairs[:, 0]] ^ unique[pairs[:, 1]]).sum(axis=1, dtype=np.int64)
    return unique, np.column_stack([pairs, distances])[distances > 0]


def measure(count: int, kind: str, bits: int) -> None:
    """Print the seconds of both functions, peak megabytes without and with them, pairs, and planted ones found."""
    from tasks.support.filtering.duplicates import groups, near_pairs

    hashes, planted = generate(count, kind)
    near_pairs(hashes[:100], bits)
    groups(2, np.empty((0, 2), np.int64))
    before = _peak_mb(anew=True)
    began = time.monotonic()
    pairs = near_pairs(hashes, bits)
    searched = time.monotonic() - began
    groups(len(hashes), pairs)
    grouped = time.monotonic() - began - searched
    due = planted[planted[:, 2] <= bits, :2]
    found = {*map(tuple, pairs.tolist())}.intersection(map(tuple, due.tolist()))
    print(searched, grouped, before, _peak_mb(), len(pairs), len(found), len({*map(tuple, due.tolist())}))


def _peak_mb(*, anew: bool = False) -> float:
    """Peak memory of this process so far; anew: it is forgotten first, so that making the hashes doesn't count."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--bits", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--kinds", nargs="+", default=["random", "skewed"])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure(int(given.one[0]), given.one[1], int(given.one[2]))
        return
    print("| hashes | count | bits | search, s | growth | groups, s | peak, MB | before, MB | pairs | found |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in given.kinds:
        for bits in given.bits:
            last: tuple[int, float] | None = None
            for count in given.counts:
                command = [sys.executable, __file__, "--one", str(count), kind, str(bits)]
                try:
                    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
                except subprocess.TimeoutExpired:
                    print(f"| {kind} | {count:,} | {bits} | more than {LIMIT_S:,} | | | | | | |", flush=True)
                    break
                except subprocess.CalledProcessError as error:
                    print(f"| {kind} | {count:,} | {bits} | ended with {error.returncode} | | | | | | |", flush=True)
                    break
                searched, grouped, before, peak, pairs, found, due = map(float, done.stdout.split())
                growth = f"{math.log(searched / last[1], count / last[0]):.2f}" if last else ""
                print(
                    f"| {kind} | {count:,} | {bits} | {searched:.2f} | {growth} | {grouped:.2f} | {peak:.0f} | "
                    f"{before:.0f} | {pairs:,.0f} | {found:,.0f} of {due:,.0f} |",
                    flush=True,
                )
                last = count, searched


if __name__ == "__main__":
    main()
