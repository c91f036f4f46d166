"""Measure how many labels are needed for 90 % of the accuracy that all labels give, in the order of `fluke label`.

    .venv/bin/python -m benchmarks.labelling ../shared/data [--seeds 5] [--first-seed 0] [--features FOLDER]

For each seed a fifth of the photos is the test, and the others are labelled in batches of 10 by their true classes.
After each of the first 50 labels and after each batch, the classifier of the page (logistic regression on features of
EfficientNet-Lite0, without texture) learns from the labels so far, and its accuracy on the test is compared with that
of the same classifier with all labels. The orders:

- fluke: what the page does without a model in use;
- random;
- farthest first: the first 10 at random; then, of the 100 photos with the smallest margins, those farthest from the
  labelled ones (k-centre, Sener and Savarese, arXiv:1708.00489).

"labels" is the mean over the seeds of the first number of labels with which the accuracy is reached; "random - order"
is the mean of the differences on the same split, with the 95 % interval of Student's t. --features keeps the features,
so that they are computed once.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import Config
from flows.label.order import PREFILTER, Ids, margins
from flows.label.proposals import Batch, Knowledge, learn
from flows.label.session import BATCH
from tasks.images.tiles import tile_of
from tasks.inference.arrays import l2_normalize
from tasks.inference.logistic import Scaling
from tasks.networks.pretrained import pretrained_encoder

SETS = {"trashnet": "*/*", "cats_dogs": "*/*/*"}
TEST = 0.2
AIM = 0.90
MOST = 500
EACH_UNTIL = 50
"""So many labels are looked at one by one, then batch by batch."""
CHUNK_PHOTOS = 64


@dataclass
class Labelling:
    """Photos with features, of which some are labelled."""

    features: NDArray[np.float32]
    labels: list[str]
    random: np.random.Generator
    answered: list[int]

    def __post_init__(self) -> None:
        self.knowledge = Knowledge()
        self.knowledge.add(range(len(self.labels)), Batch(self.features))
        self.vectors = Scaling.of(self.features)(self.features)
        self.unit = l2_normalize(self.vectors)

    @property
    def open(self) -> Ids:
        return np.setdiff1d(np.arange(len(self.labels)), self.answered)

    def margins(self) -> NDArray[np.float64] | None:
        known = learn(self.vectors[self.answered], [self.labels[i] for i in self.answered], self.vectors[self.open])
        return None if known is None else margins(known[1])


def fluke(state: Labelling) -> list[int]:
    labels = {i: state.labels[i] for i in state.answered}
    return [i for i, _ in state.knowledge.choose(state.answered, labels, state.open.tolist(), BATCH)]


def at_random(state: Labelling) -> list[int]:
    return [int(i) for i in state.random.permutation(state.open)[:BATCH]]


def farthest_first(state: Labelling) -> list[int]:
    margin = state.margins()
    if margin is None:
        return at_random(state)
    among = state.open[np.argsort(margin)[: BATCH * PREFILTER]]
    distance = 1 - (state.unit[among] @ state.unit[state.answered].T).max(axis=1)
    chosen = []
    for _ in range(min(BATCH, len(among))):
        at = int(distance.argmax())
        chosen.append(int(among[at]))
        distance = np.minimum(distance, 1 - state.unit[among] @ state.unit[among[at]])
    return chosen


ORDERS: dict[str, Callable[[Labelling], list[int]]] = {
    "random": at_random,
    "fluke": fluke,
    "farthest first": farthest_first,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--features", type=Path, help="folder for the features")
    given = parser.parse_args()
    columns = ["photos", "accuracy with all labels", "order", "labels", "of each seed", "random - order"]
    print(f"| {' | '.join(columns)} |", f"{'|---' * len(columns)}|", sep="\n")
    for name, pattern in SETS.items():
        files = sorted((given.data / name).glob(pattern))
        features = computed(files, given.features / f"{name}.npy" if given.features else None)
        labels = np.array([path.parent.name for path in files])
        for row in measure(name, features, labels, range(given.first_seed, given.first_seed + given.seeds)):
            print(row, flush=True)


def computed(files: list[Path], cache: Path | None) -> NDArray[np.float32]:
    """Compute the features of photos, or read them."""
    if cache and cache.exists():
        return np.asarray(np.load(cache), np.float32)
    config = Config()
    side = config.preprocess.side_px
    encoder = pretrained_encoder((side, side, 3), config.pretrain.model_copy(update={"texture": False}))
    parts = []
    with ThreadPoolExecutor(2) as threads:
        for start in range(0, len(files), CHUNK_PHOTOS):
            chunk = files[start : start + CHUNK_PHOTOS]
            tiles = list(threads.map(lambda path: tile_of(path.read_bytes(), config.preprocess), chunk))
            parts.append(encoder.predict_on_batch(np.stack(tiles)))
    features = np.concatenate(parts).astype(np.float32)
    if cache:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, features)
    return features


def measure(name: str, features: NDArray[np.float32], labels: NDArray[np.str_], seeds: range) -> Iterator[str]:
    """Yield a row of the table for each order."""
    needed: dict[str, list[int]] = {order: [] for order in ORDERS}
    full = []
    for seed in seeds:
        shuffled = np.random.default_rng(seed).permutation(len(labels))
        test, pool = np.split(shuffled, [round(TEST * len(labels))])
        tested = Scaling.of(features[pool])(features[test])
        states = {
            order: Labelling(features[pool], labels[pool].tolist(), np.random.default_rng((seed, 1)), [])
            for order in ORDERS
        }
        full.append(accuracy(states["random"], range(len(pool)), tested, labels[test]))
        for order, choose in ORDERS.items():
            needed[order].append(labels_needed(states[order], choose, tested, labels[test], AIM * full[-1]))
    random = np.array(needed["random"])
    for order, numbers in needed.items():
        each = ", ".join(f"{number}" if number <= MOST else f"over {MOST}" for number in numbers)
        fewer = "" if order == "random" else interval(random - numbers)
        yield f"| {len(pool):,} {name} | {np.mean(full):.3f} | {order} | {np.mean(numbers):.0f} | {each} | {fewer} |"


def labels_needed(
    state: Labelling,
    choose: Callable[[Labelling], list[int]],
    tested: NDArray[np.float32],
    truth: NDArray[np.str_],
    aim: float,
) -> int:
    """Return the number of labels with which the accuracy is reached; MOST + 10 if it isn't."""
    while len(state.answered) < MOST:
        before = len(state.answered)
        state.answered += choose(state)
        after = len(state.answered)
        for count in range(before + 1, after + 1) if after <= EACH_UNTIL else [after]:
            if accuracy(state, state.answered[:count], tested, truth) >= aim:
                return count
    return MOST + BATCH


def accuracy(state: Labelling, chosen: Sequence[int], tested: NDArray[np.float32], truth: NDArray[np.str_]) -> float:
    """Return the accuracy on the test of the classifier that has learned from some photos."""
    found = learn(state.vectors[chosen], [state.labels[i] for i in chosen], tested)
    return 0.0 if found is None else float((np.array(found[0])[found[1].argmax(axis=1)] == truth).mean())


def interval(differences: NDArray[np.floating]) -> str:
    """Return the mean and the 95 % interval of Student's t."""
    from scipy.stats import t

    mean = differences.mean()
    if len(differences) < 2:
        return f"{mean:+.0f}"
    half = t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    return f"{mean:+.0f} ({mean - half:+.0f}..{mean + half:+.0f})"


if __name__ == "__main__":
    main()
