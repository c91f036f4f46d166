"""Measure training photos per second: each network alone on a constant batch, and a phase of fluke's training.

    .venv/bin/python -m benchmarks.training [--networks convnet small_convnet ...] [--photos 2000] [--repeats 3]
    .venv/bin/python -m benchmarks.training --slow-ms 20 --photos 2000

`alone` is the compiled step of the network with its loss and optimizer on one batch that stays on the device; nothing
is read, counted or checked. `fluke` is an epoch of a phase of its training on as many photos, from shards on disk:
the order, reading or gathering, weights, accuracy, the check for divergence. `augmented` has the default augmentation,
`RandAugment` one operation more for each photo. Ratios are those of one repeat, medians over the repeats; of each
training, the shorter of the second and third epochs counts, since the first one compiles. Photos are noise.

efficientnet_lite0 is the pretrained network, unfrozen from its upper part (`upper`) or as a whole (`all`);
autoencoder is `pretrain`'s, on grey tiles. KERAS_BACKEND=jax measures with JAX; --precision as train.precision.

`--slow-ms` has no network: a step only sleeps, as if a device computed. Reading overlaps with computing if both
together take hardly more than the longer one of them.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.networks_alone import seconds_per_step
from configs.schema import AugmentConfig, GeometryConfig, PretrainConfig, TrainConfig
from tasks.networks import hardware
from tasks.networks.autoencoder import autoencoder
from tasks.networks.classifier import encoder_classifier, tile_classifier
from tasks.networks.pretrained import pretrained_encoder, upper_part
from tasks.pretrain.reconstruction import Reconstruction
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.shards import ShardPool
from tasks.train.class_balance import log_priors
from tasks.train.finetune import freeze, unfreeze
from tasks.train.fit import LabelledData, Phase
from tasks.training.batches import Chunk, make_batches
from tasks.training.checkpoint import Checkpoint
from tasks.training.feed import Feed
from tasks.training.fit import fit
from tasks.training.objective import Objective
from tasks.training.plan import Examples, Plan

STILL = AugmentConfig(flip="none", rotate_deg=0, shift=0, zoom=0)
AUGMENTS = {"fluke": STILL, "augmented": AugmentConfig(), "RandAugment": AugmentConfig(rand_augment=1)}
SIDE_PX = {"convnet": 64, "small_convnet": 150, "autoencoder": 896}
LITE = "efficientnet_lite0"
NETWORKS = ["convnet", "small_convnet", "mobilenet_v3", f"{LITE}:upper", f"{LITE}:all", "autoencoder"]
CLASSES = 2


@dataclass(frozen=True)
class Case:
    """A network, and how it is trained."""

    build: Callable[[], keras.Model]
    objective: Callable[[keras.Model], Objective]
    plan: Plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--large-photos", type=int, default=64, help="photos for the autoencoder")
    parser.add_argument("--side-px", type=int, help="tile size; default: 64, 150 and 896 where given, else 128")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=list(AUGMENTS), choices=AUGMENTS)
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    parser.add_argument("--slow-ms", type=float, help="no network: a step that sleeps")
    asked = parser.parse_args()
    if asked.slow_ms is not None:
        slow_device(asked.photos, asked.side_px or 224, asked.batch_size, asked.slow_ms / 1000)
        return
    hardware.enable_memory_growth()
    print(f"{keras.backend.backend()} on {device()}, {hardware.compute_signature(asked.precision)[1]}\n")
    print(f"| network | px | batch | alone | {' | | '.join(asked.ways)} | |\n|{'---|' * (4 + 2 * len(asked.ways))}")
    for network in asked.networks:
        with hardware.dtype_policy(asked.precision), tempfile.TemporaryDirectory() as home:
            print_row(network, asked, Path(home))


def print_row(network: str, asked: argparse.Namespace, home: Path) -> None:
    """Measure a network, and print photos per second and ratios to the network alone."""
    side = asked.side_px or SIDE_PX.get(network, 128)
    grey = network == "autoencoder"
    rows = stored(home, asked.large_photos if grey else asked.photos, side, 1 if grey else 3)
    # an autoencoder has no augmentation
    cases = {way: case(network, rows, asked.batch_size, AUGMENTS[way]) for way in asked.ways[: 1 if grey else None]}
    first = next(iter(cases.values()))
    alone: list[float] = []
    rates: dict[str, list[float]] = {way: [] for way in cases}
    for repeat in range(asked.repeats):  # alternately, so that other load on the machine affects all of them
        still = case(network, rows, asked.batch_size, STILL)
        alone.append(asked.batch_size / seconds_per_step(first.build(), still.objective, still.plan))
        for way, each in cases.items():
            rates[way].append(len(rows) / epoch_seconds(each, home / f"{way}-{repeat}"))
    cells = [network, str(side), str(asked.batch_size), f"{median(alone):,.0f}"]
    for values in rates.values():
        ratio = median(rate / base for rate, base in zip(values, alone, strict=True))
        cells += [f"{median(values):,.0f}", f"{ratio:.3f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def case(network: str, rows: LazyRows, batch_size: int, augment: AugmentConfig) -> Case:
    """Return a network with its objective and its plan."""
    height, width, channels = rows.shape
    shape = (height, width, channels)
    if network == "autoencoder":
        still = GeometryConfig.model_validate(STILL.model_dump(include=set(GeometryConfig.model_fields)))
        settings = PretrainConfig(encoder="autoencoder", augment=still)
        plan = Plan("training", "pretrain", Examples(rows), None, 1e-3, 3, batch_size, 9, 0)
        return Case(partial(autoencoder, shape, settings), partial(Reconstruction, config=settings), plan)
    name, _, start = network.partition(":")
    config = TrainConfig(network="convnet" if start else name, augment=augment, patience=9, batch_size=batch_size)
    count = len(rows)
    photos = LabelledData(rows, (np.arange(count) % CLASSES).astype(np.int32), np.ones(count, np.float32))
    phase = Phase("training", photos, None, 1e-3, 3, log_priors(np.ones(CLASSES, np.int64)))

    def build() -> keras.Model:
        keras.utils.set_random_seed(0)
        if not start:
            return tile_classifier(shape, CLASSES, config)
        encoder = pretrained_encoder(shape, PretrainConfig(encoder=name, texture=False))
        model = encoder_classifier(encoder, CLASSES, config)
        freeze(model)
        unfreeze(model, (upper_part(name) or "all") if start == "upper" else start)
        return model

    return Case(build, phase.objective(config), phase.plan(config))


def epoch_seconds(case: Case, folder: Path) -> float:
    """Measure the seconds of an epoch of a phase of fluke's training."""
    times = _EpochTimes()
    checkpoint = Checkpoint(folder / "training.npz")
    fit(case.build(), case.objective, case.plan, checkpoint=checkpoint, advance=lambda count: None, callbacks=[times])
    return times.seconds


class _EpochTimes(keras.callbacks.Callback):
    """Measures the shorter of the second and third epochs, including the time between epochs."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self._ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        return min(later - earlier for earlier, later in zip(self._ends, self._ends[1:], strict=False))


def slow_device(photos: int, side: int, batch_size: int, step_s: float) -> None:
    """Measure an epoch of reading, of steps that only sleep, and of both together, and print them."""
    with tempfile.TemporaryDirectory() as home:
        rows = stored(Path(home), photos, side, 3)
        batches = make_batches(np.random.default_rng(0).permutation(photos), batch_size, 1)
        with seconds() as reading:
            for batch in batches:
                rows[batch.numbers]
        with seconds() as computing:
            for _ in batches:
                time.sleep(step_s)
        with seconds() as together:
            for _ in Feed(Examples(rows), Host(), resident=False, steps_per_call=1).chunks(batches):
                time.sleep(step_s)
    print(f"{len(batches)} batches of {batch_size} photos of {side} px from shards on disk; a step takes {step_s:g} s")
    print(f"reading {reading[0]:.2f} s, computing {computing[0]:.2f} s, together {together[0]:.2f} s: ", end="")
    print(f"{together[0] / max(reading[0], computing[0]):.3f} of the longer one")


class Host:
    """A device whose memory is the host's."""

    def put(self, array: Any) -> Any:
        return array

    def put_chunk(self, chunk: Chunk) -> Chunk:
        return chunk


@contextmanager
def seconds() -> Iterator[list[float]]:
    """Yield a list that has the seconds of the block after it."""
    found: list[float] = []
    began = time.perf_counter()
    yield found
    found.append(time.perf_counter() - began)


def stored(home: Path, count: int, side: int, channels: int) -> LazyRows:
    """Write tiles of noise to shards."""
    random = np.random.default_rng(0)
    context = StageContext(root=home, out=home, pools=home / "pools", photos=home)

    def make(photos: Any) -> NDArray[np.uint8]:
        return random.integers(0, 256, (len(photos), side, side, channels), dtype=np.uint8)

    photos = dict.fromkeys(f"{number:06}" for number in range(count))
    pool, _ = ShardPool.open(context.pools, context).compute_missing(photos, make, context, label="tiles")
    return LazyRows(pool.index(photos, home), home)


def device() -> str:
    """Name the device that the backend computes on."""
    if keras.backend.backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow

    gpus = tensorflow.config.list_physical_devices("GPU")
    return str(tensorflow.config.experimental.get_device_details(gpus[0])["device_name"]) if gpus else "CPU"


if __name__ == "__main__":
    main()
