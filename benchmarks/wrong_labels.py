"""Measure how many planted wrong labels are among the first photos that review lists.

    .venv/bin/python benchmarks/wrong_labels.py ../shared [SEEDS [EVERY]]

One label in 500 is made wrong (20 in 10,000): each becomes another class of the data set, chosen at random.
`find_mislabels` ranks the photos, and the script counts the planted ones among the first 2 x planted (40 of 10,000).
SEEDS (5): number of repeats, each with other labels and other folds. EVERY (1): use only every second, third ...
photo, for a quick look.

The photos are real, and there are fewer than 10,000: cats_dogs has 4,000 and trashnet 2,527. Copies (flips, crops)
would not give more: a copy is in the same fold as its original, which then only counts twice. So the number planted
is proportional to the number of photos. The data sets' own wrong labels are unknown; they are ranked first as well,
and count against the result. A random order would find 0.4 % of those planted.
"""

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.filter.groups import connected_groups
from tasks.filter.hamming import near_pairs
from tasks.filter.image_stats import reduced
from tasks.filter.label_issues import descriptor
from tasks.filter.phash import perceptual_hashes
from tasks.images import photos
from tasks.inference.mislabels import find_mislabels
from tasks.networks.embedding import Embedding

PLANTED = 1 / 500
NEAR_BITS = 10
CHUNK_PHOTOS = 256


@dataclass(frozen=True)
class Photos:
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    embeddings: dict[str, NDArray[np.floating]]

    def of(self, chosen: NDArray[np.bool_]) -> "Photos":
        embeddings = {name: embedding[chosen] for name, embedding in self.embeddings.items()}
        labels = np.unique(self.labels[chosen], return_inverse=True)[1]
        return Photos(labels.astype(np.int64), self.groups[chosen], embeddings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("seeds", nargs="?", type=int, default=5)
    parser.add_argument("every", nargs="?", type=int, default=1)
    given = parser.parse_args()
    shared, seeds, every = given.shared, given.seeds, given.every
    files = sorted((shared / "data/cats_dogs").glob("*/*/*")) + sorted((shared / "data/trashnet").glob("*/*"))
    files = files[::every]
    pets = np.array([path.parent.name in ("cats", "dogs") for path in files])
    everything = embed(files, shared / "weights/efficientnet_lite0_imagenet.keras")
    print("\n| photos | classes | embedding | planted | looked at | found | range | suggested rightly | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for chosen in (np.ones_like(pets), pets, ~pets):
        measure(everything.of(chosen), seeds)


def embed(files: list[Path], model: Path) -> Photos:
    """Compute both embeddings of the files, and print the times; a photo's class is its folder."""
    network = Embedding(model, (127, 128))
    network([np.zeros((8, 8, 3), np.uint8)])  # Keras builds its graph
    seconds = {"decode": 0.0, "built-in": 0.0, model.stem: 0.0}
    parts: dict[str, list[NDArray[np.floating]]] = {"built-in": [], model.stem: []}
    hashes = []

    for start in range(0, len(files), CHUNK_PHOTOS):
        data = [path.read_bytes() for path in files[start : start + CHUNK_PHOTOS]]
        small = [photos.decode(each, at_least_px=descriptor.AT_LEAST_PX) for each in data]
        began = time.perf_counter()
        large = [photos.decode(each, at_least_px=network.side_px) for each in data]
        seconds["decode"] += time.perf_counter() - began
        began = time.perf_counter()
        parts["built-in"].append(np.stack([descriptor.describe(photo) for photo in small]))
        seconds["built-in"] += time.perf_counter() - began
        began = time.perf_counter()
        parts[model.stem].append(network(large))
        seconds[model.stem] += time.perf_counter() - began
        hashes += [perceptual_hashes(reduced(photo))[0] for photo in small]
    for name, spent in seconds.items():
        print(f"{name}: {1000 * spent / len(files):.2f} ms a photo")
    unique, bucket = np.unique(np.array(hashes), axis=0, return_inverse=True)
    labels = np.unique([path.parent.name for path in files], return_inverse=True)[1]
    return Photos(
        labels.astype(np.int64),
        connected_groups(len(unique), near_pairs(unique, NEAR_BITS))[bucket],
        {name: np.concatenate(each) for name, each in parts.items()},
    )


def measure(known: Photos, seeds: int) -> None:
    count, classes = len(known.labels), int(known.labels.max()) + 1
    planted = round(count * PLANTED)
    for name, embedding in known.embeddings.items():
        found, right, seconds = [], [], []
        for seed in range(seeds):
            random = np.random.default_rng(seed)
            wrong = random.choice(count, planted, replace=False)
            labels = known.labels.copy()
            labels[wrong] = (labels[wrong] + random.integers(1, classes, planted)) % classes
            began = time.perf_counter()
            score, suggestion, _ = find_mislabels(embedding, labels, known.groups, seed=seed)
            seconds.append(time.perf_counter() - began)
            first = np.argsort(-score, kind="stable")[: 2 * planted]
            hits = first[np.isin(first, wrong)]
            found.append(len(hits))
            right += (suggestion[hits] == known.labels[hits]).tolist()
        mean = statistics.mean(found)
        print(
            f"| {count:,} | {classes} | {name} | {planted} | {2 * planted} | {mean:.1f} ({mean / planted:.0%}) "
            f"| {min(found)}-{max(found)} | {np.mean(right) if right else 0:.0%} | {statistics.median(seconds):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
