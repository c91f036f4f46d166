"""Measure `fluke predict` against the network alone on tiles in memory: photos per second.

    .venv/bin/python benchmarks/predicting.py ../shared [--photos 10000 | --one]

The photos are those of cats_dogs, repeated as often as needed. The model is that of the last good run below
$FLUKE_DATA. The network alone is timed before and after, on the same tiles; the mean of the two is used. With --one,
the command predicts one photo, five times.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measure import FLUKE, run
from flows.predict import model as models
from flows.predict import predict
from flows.predict.photo_list import list_photos
from flows.run_records import data_root
from tasks.images.tiles import tile_of
from tasks.inference.predictor import Predictor
from tasks.store.context import executor
from tasks.store.progress import silent
from tasks.store.store import Store

_TILES = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--model", default=None)
    parser.add_argument("--one", action="store_true", help="measure the command with one photo")
    asked = parser.parse_args()
    if asked.one:
        photo = next((asked.shared / "data/cats_dogs").rglob("*.jpg"))
        named = ["--model", asked.model] if asked.model else []
        times = [run([FLUKE, "predict", str(photo), *named], data_root()).seconds for _ in range(5)]
        print(f"one photo: {median(times):.1f} s (from {min(times):.1f} to {max(times):.1f})")
        return
    model = models.find(Store(data_root()), asked.model)
    originals = sorted((asked.shared / "data/cats_dogs").rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        for number, photo in enumerate(islice(cycle(originals), asked.photos)):
            (Path(folder) / f"{number:06d}.jpg").symlink_to(photo.absolute())
        photos = list_photos(Path(folder)).photos
        with ThreadPoolExecutor(2) as pool:
            tiles = np.stack(
                list(pool.map(lambda path: tile_of(path.read_bytes(), model.preprocess), originals[:_TILES]))
            )
        alone = [_alone(model, tiles)]
        began = time.monotonic()
        with executor(0) as threads:
            table = predict.predict(model, photos, top_k=3, threads=threads, progress=silent)
        seconds = time.monotonic() - began
        alone.append(_alone(model, tiles))
    whole = len(table) / seconds
    print(f"model of run {model.run}: {len(photos):,} photos of {model.preprocess.side_px} px tiles")
    print(f"network alone: {np.mean(alone):.1f} photos/s (before {alone[0]:.1f}, after {alone[1]:.1f})")
    print(f"fluke predict: {whole:.1f} photos/s in {seconds:.0f} s, {whole / np.mean(alone):.3f} of the network's")


def _alone(model: models.Model, tiles: np.ndarray) -> float:
    """Measure the photos per second of the network, without its start-up."""
    network = Predictor(model.classifier, model.encoder, model.references, model.rule)
    batches = [tiles[start : start + 256] for start in range(0, len(tiles), 256)]
    network.probabilities(network.inputs(batches[0]))
    began = time.monotonic()
    for batch in batches:
        network.probabilities(network.inputs(batch))
    return len(tiles) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
