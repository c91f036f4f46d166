"""Measure the CPU time and peak memory of the filter's search for near duplicates, on generated hashes.

    .venv/bin/python benchmarks/near_duplicates.py [--counts 10000 100000 1000000] [--kinds random skewed alike]

    .venv/bin/python benchmarks/near_duplicates.py --counts 2000 8000 --kinds alike restless --bits 8

Each search runs in its own process, with mirror images, as is the default. The hashes have 256 bits. They are

- random: all bits are random;
- skewed: photos on a white background. Three of ten hashes take half of their bits, in runs of 8, from one of 20
  common backgrounds, and each of these bits is flipped with a probability of 2 %. So many hashes share keys, but few
  are near.
- alike: the frames of a still camera. Each bit differs from a common hash with a probability of 1 %, so with
  `--bits 8` all frames are one group.
- restless: the same with 3 %, as if branches moved. With `--bits 8` there are more than a thousand groups, so most
  pairs must be compared completely.

One hash in twenty is then replaced by a copy of another, with 0 to 10 of the coarse bits and 0 to 14 of the others
flipped. A mirror image has the bits of every second column inverted; crops differ from the whole photo in about 12
bits. "Growth" is the exponent of n in the time since the row above (1: linear, 2: quadratic).
"""

import argparse
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BYTES = 32
_COARSE = np.array([255, 0] * 8 + [0] * 16, np.uint8)
"""Which bits are coarse: of 16 rows of 16 frequencies, the first 8 of the first 8."""
_NOISE = {"alike": 0.01, "restless": 0.03}
"""How many of the bits of a still camera's frame differ from the common ones."""
LIMIT_S = 1200


def generate(count: int, kind: str, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return hashes `(n, 32)` and the planted pairs `(m, 2)` of rows."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (count, _BYTES), np.uint8)
    if kind in _NOISE:
        return hashes[:1] ^ np.packbits(rng.random((count, 8 * _BYTES)) < _NOISE[kind], axis=1), np.empty((0, 2), int)
    if kind == "skewed":
        backgrounds = rng.integers(0, 256, (20, _BYTES), np.uint8)
        masks = rng.random((20, _BYTES)) < 0.5
        rows = rng.permutation(count)[: count * 3 // 10]
        chosen = np.minimum(rng.geometric(0.2, len(rows)), 20) - 1
        noise = np.packbits(rng.random((len(rows), 8 * _BYTES)) < 0.02, axis=1)
        hashes[rows] = np.where(masks[chosen], backgrounds[chosen] ^ noise, hashes[rows])
    order = rng.permutation(count)
    copies, originals = order[: count // 20], order[count // 20 : 2 * (count // 20)]
    flips = np.zeros((len(copies), 8 * _BYTES), bool)
    is_coarse = np.unpackbits(_COARSE).astype(bool)
    for part, most in ((is_coarse, 10), (~is_coarse, 14)):
        ranks = rng.random((len(copies), part.sum())).argsort(axis=1).argsort(axis=1)
        flips[:, part] = ranks < rng.integers(0, most + 1, len(copies))[:, None]
    hashes[copies] = hashes[originals] ^ np.packbits(flips, axis=1)
    return hashes, np.stack([copies, originals], axis=1)


def measure(count: int, kind: str, bits: int) -> None:
    """Print seconds, CPU seconds, peak MB before and after the search, groups, planted pairs found, planted pairs."""
    from tasks.filter.image_stats import STATS_DTYPE
    from tasks.filter.near_duplicates import NearDuplicates

    hashes, planted = generate(count, kind)
    measured = np.zeros(count, STATS_DTYPE)
    measured["hash"], measured["mirror"] = hashes, hashes ^ np.uint8(0b01010101)
    measured["windows"] = hashes[:, None]
    measured["windows"][:, :, ::13] ^= np.random.default_rng(1).integers(0, 256, (count, 9, 3), np.uint8)
    del hashes
    NearDuplicates.find(measured[:100], bits, mirrored=True)
    before = _peak_mb(anew=True)
    began = time.perf_counter(), time.process_time()
    group = np.array(NearDuplicates.find(measured, bits, mirrored=True).group)
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    found = int((group[planted[:, 0]] == group[planted[:, 1]]).sum())
    print(*took, before, _peak_mb(), len(np.unique(group)), found, len(planted))


def _peak_mb(*, anew: bool = False) -> float:
    """Return the peak memory of this process; anew: reset it first, so that making the hashes doesn't count."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", default=["random", "skewed"])
    parser.add_argument("--bits", type=int, default=32, help="filter.duplicate_bits")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure(int(given.one[0]), given.one[1], given.bits)
        return
    print("| hashes | count | s | CPU, s | growth | peak, MB | before, MB | groups | planted pairs found |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in given.kinds:
        last: tuple[int, float] | None = None
        for count in given.counts:
            command = [sys.executable, __file__, "--bits", str(given.bits), "--one", str(count), kind]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
            except subprocess.TimeoutExpired:
                print(f"| {kind} | {count:,} | more than {LIMIT_S:,} | | | | | |", flush=True)
                break
            except subprocess.CalledProcessError as error:
                print(f"| {kind} | {count:,} | ended with {error.returncode} | | | | | | |", flush=True)
                break
            elapsed, searched, before, peak, groups, found, due = map(float, done.stdout.split())
            growth = f"{math.log(searched / last[1], count / last[0]):.2f}" if last else ""
            print(
                f"| {kind} | {count:,} | {elapsed:.2f} | {searched:.2f} | {growth} | {peak:.0f} | {before:.0f} | "
                f"{groups:,.0f} | {found:,.0f} of {due:,.0f} |",
                flush=True,
            )
            last = count, searched


if __name__ == "__main__":
    main()
