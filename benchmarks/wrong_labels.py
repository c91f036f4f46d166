"""Measure how many planted wrong labels are found: by train with the default settings, and by the filter's own search.

    .venv/bin/python -m benchmarks.wrong_labels ../shared [SEEDS [EVERY]]

Of the photos of each data set, the 80 % that the default trains and validates on are taken, and 5 % or 10 % of their
labels are made wrong: each becomes another class, chosen at random. `find_mislabels` ranks the photos by

- the features that extract computes with the default encoder: this is what train writes to label_issues.parquet;
- the filter's built-in description of a photo (filter.label_issues);
- the output of EfficientNet-Lite0 in the filter (filter.label_issues with filter.embedding).

SEEDS (3): number of repeats, each with other photos, labels and folds. EVERY (1): use only every second, third ...
photo, for a quick look. "found" is the share of the planted labels among as many photos as were planted, so it is
recall and precision at once; "first 50" is how many of these were planted, and "listed" how many photos train writes.
Wrong labels of the data sets themselves are unknown; they are ranked first as well, and count against the result. A
random order would find 5 % or 10 %.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import Config
from tasks.filter.groups import connected_groups
from tasks.filter.hamming import near_pairs
from tasks.filter.image_stats import reduced
from tasks.filter.label_issues import descriptor
from tasks.filter.phash import perceptual_hashes
from tasks.images import photos
from tasks.images.tiles import make_tile
from tasks.inference.mislabels import NO_SUGGESTION, find_mislabels
from tasks.networks.embedding import Embedding
from tasks.networks.pretrained import pretrained_encoder

SETS = {"trashnet": "*/*", "cats_dogs": "*/*/*"}
SHARES = (0.05, 0.10)
LEARNED_FROM = 0.8
NEAR_BITS = 10
CHUNK_PHOTOS = 256
FIRST = 50
"""The default of evaluate.label_issues."""
TRAIN, BUILT_IN, LITE0 = "train (default)", "filter, built-in", "filter, Lite0"


@dataclass(frozen=True)
class Photos:
    """The photos of a data set."""

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    embeddings: dict[str, NDArray[np.floating]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("seeds", nargs="?", type=int, default=3)
    parser.add_argument("every", nargs="?", type=int, default=1)
    given = parser.parse_args()
    columns = ["photos", "planted", "by", "found", "first 50", "listed", "found of all", "right class", "s"]
    print(f"| {' | '.join(columns)} |", f"{'|---' * len(columns)}|", sep="\n")
    for name, pattern in SETS.items():
        files = sorted((given.shared / "data" / name).glob(pattern))[:: given.every]
        known = embed(files, given.shared / "weights/efficientnet_lite0_imagenet.keras")
        for row in measure(name, known, given.seeds):
            print(row, flush=True)


def embed(files: list[Path], model: Path) -> Photos:
    """Compute the embeddings of the files; a photo's class is its folder."""
    config = Config()
    side = config.preprocess.side_px
    encoder = pretrained_encoder((side, side, 3), config.pretrain)
    network = Embedding(model, (127, 128))
    parts: dict[str, list[NDArray[np.floating]]] = {TRAIN: [], BUILT_IN: [], LITE0: []}
    hashes = []
    for start in range(0, len(files), CHUNK_PHOTOS):
        data = [path.read_bytes() for path in files[start : start + CHUNK_PHOTOS]]
        small = [photos.decode(each, at_least_px=descriptor.AT_LEAST_PX) for each in data]
        large = [photos.decode(each, at_least_px=max(side, network.side_px)) for each in data]
        tiles = np.stack([make_tile(photo, config.preprocess) for photo in large])
        parts[TRAIN].append(encoder.predict(tiles, batch_size=32, verbose=0))
        parts[BUILT_IN].append(np.stack([descriptor.describe(photo) for photo in small]))
        parts[LITE0].append(network(large))
        hashes += [perceptual_hashes(reduced(photo))[0] for photo in small]
    return Photos(
        np.unique([path.parent.name for path in files], return_inverse=True)[1].astype(np.int64),
        near_groups(np.array(hashes)),
        {name: np.concatenate(each) for name, each in parts.items()},
    )


def near_groups(hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the groups of near duplicates."""
    unique, bucket = np.unique(hashes, axis=0, return_inverse=True)
    pairs = np.concatenate([np.empty((0, 2), np.int64), *near_pairs(unique, NEAR_BITS)])
    return np.asarray(connected_groups(len(unique), pairs)[bucket], np.int64)


def measure(name: str, known: Photos, seeds: int) -> Iterator[str]:
    """Yield a row of the table for each share of planted labels and each embedding."""
    classes = int(known.labels.max()) + 1
    for share in SHARES:
        for embedded, embedding in known.embeddings.items():
            values: list[list[float]] = []
            for seed in range(seeds):
                random = np.random.default_rng(seed)
                chosen = random.choice(len(known.labels), round(LEARNED_FROM * len(known.labels)), replace=False)
                truth, count = known.labels[chosen], round(share * len(chosen))
                wrong = random.choice(len(chosen), count, replace=False)
                labels = truth.copy()
                labels[wrong] = (labels[wrong] + random.integers(1, classes, count)) % classes
                began = time.perf_counter()
                score, suggestion, estimate = find_mislabels(embedding[chosen], labels, known.groups[chosen], seed=seed)
                seconds = time.perf_counter() - began
                ranked = np.argsort(np.where(suggestion == NO_SUGGESTION, 0, -score), kind="stable")
                hits = np.isin(ranked, wrong)
                right = (suggestion == truth)[ranked[:estimate]][hits[:estimate]]
                listed = [estimate, hits[:estimate].sum() / count, right.mean() if len(right) else 0]
                values.append([hits[:count].sum() / count, hits[:FIRST].mean(), *listed, seconds])
            mean, found = np.mean(values, axis=0), [f"{row[0]:.0%}" for row in values]
            yield (
                f"| {len(chosen):,} {name} | {count} ({share:.0%}) | {embedded} | {mean[0]:.1%} ({', '.join(found)}) "
                f"| {mean[1]:.0%} | {mean[2]:.0f} | {mean[3]:.0%} | {mean[4]:.0%} | {mean[5]:.1f} |"
            )


if __name__ == "__main__":
    main()
