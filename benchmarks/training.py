"""Measure training photos per second: fluke's train stage, the network alone, and the generator of the write-up.

    .venv/bin/python benchmarks/training.py [--networks convnet small_convnet ...] [--photos 512] [--repeats 3]

Photos are generated and stay in memory. `bare` is `train_on_batch` of the same network, batch size and optimizer on
constant data. `fluke` is a phase of a training (shuffled batches, weights, metrics, checkpoints, callbacks) without
augmentation, which is what the bare network does. `augmented` uses the default augmentation. For small_convnet,
`ImageDataGenerator` is what the cats-and-dogs write-up did: the same network, fed by Keras' generator with its
augmentation. Every figure is the median over the repeats of the shorter of the second and third epochs: the first
epoch compiles.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import keras
import numpy as np

from configs.schema import AugmentConfig, TrainConfig
from tasks.networks.classifier import tile_classifier
from tasks.train.checkpoint import Checkpoint
from tasks.train.class_balance import log_priors
from tasks.train.fit import LabelledData, Phase, fit

STILL = AugmentConfig(flip="none", rotate_deg=0, shift=0, zoom=0)
SIDE_PX = {"convnet": 64, "small_convnet": 150}
CLASSES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", default=["convnet", "small_convnet", "mobilenet_v3", "resnet18"])
    parser.add_argument("--photos", type=int, default=512)
    parser.add_argument("--side-px", type=int, default=128, help="tile size of the networks without a fixed one")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    print("| network | side, px | bare | fluke | ratio | augmented | ImageDataGenerator |")
    print("|---|---|---|---|---|---|---|")
    for network in asked.networks:
        side = SIDE_PX.get(network, asked.side_px)
        config = TrainConfig(network=network, augment=STILL, epochs=3, patience=9)
        tiles = np.random.default_rng(0).integers(0, 256, (asked.photos, side, side, 3)).astype(np.uint8)
        augmented = config.model_copy(update={"augment": AugmentConfig()})
        ways = {"bare": partial(bare, tiles, config), "fluke": partial(ours, tiles, config)}
        ways["augmented"] = partial(ours, tiles, augmented)
        if network == "small_convnet":
            ways["write-up"] = partial(write_up, tiles, config)
        found: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(asked.repeats):  # alternately, so that other load on the machine affects all of them
            for way, measure in ways.items():
                found[way].append(len(tiles) / measure())
        rate = {way: median(values) for way, values in found.items()}
        ratio = median(first / second for first, second in zip(found["fluke"], found["bare"], strict=True))
        cells = [f"{rate[way]:.0f}" if way in rate else "-" for way in ("bare", "fluke", "augmented", "write-up")]
        print(f"| {network} | {side} | {cells[0]} | {cells[1]} | {ratio:.3f} | {cells[2]} | {cells[3]} |", flush=True)


def bare(tiles: np.ndarray, config: TrainConfig) -> float:
    """Measure the seconds of an epoch of `train_on_batch` on one batch that stays in memory."""
    model = _model(tiles, config)
    model.compile(
        keras.optimizers.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False
    )
    batch, targets = tiles[: config.batch_size], _targets(config.batch_size)
    began = 0.0
    for _ in range(2):
        began = time.perf_counter()
        for _ in range(len(tiles) // config.batch_size):
            model.train_on_batch(batch, targets)
    return time.perf_counter() - began


def ours(tiles: np.ndarray, config: TrainConfig) -> float:
    """Measure the seconds of an epoch of a phase of fluke's training."""
    times = _EpochTimes()
    photos = LabelledData(tiles, _targets(len(tiles)), np.ones(len(tiles), np.float32))
    phase = Phase(
        "training", photos, None, learning_rate=1e-3, epochs=3, log_priors=log_priors(np.ones(CLASSES, np.int64))
    )
    with tempfile.TemporaryDirectory() as home:
        checkpoint = Checkpoint(Path(home) / "training.npz")
        fit(_model(tiles, config), phase, config, checkpoint=checkpoint, advance=lambda count: None, callbacks=[times])
    return times.seconds


def write_up(tiles: np.ndarray, config: TrainConfig) -> float:
    """Measure the seconds of an epoch as in Chollet's book, section 5.2.5."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    times, model = _EpochTimes(), _model(tiles, config)
    model.compile(keras.optimizers.RMSprop(1e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    generator = ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
    )
    model.fit(generator.flow(tiles, _targets(len(tiles)), batch_size=32), epochs=3, verbose=0, callbacks=[times])
    return times.seconds


def _model(tiles: np.ndarray, config: TrainConfig) -> keras.Model:
    keras.utils.set_random_seed(0)
    return tile_classifier(tiles.shape[1:], CLASSES, config)


def _targets(count: int) -> np.ndarray:
    return (np.arange(count) % CLASSES).astype(np.int32)


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


if __name__ == "__main__":
    main()
