"""Compare exported models with `fluke predict`: differences in probability, and photos per second.

    FLUKE_DATA=DATA .venv/bin/python benchmarks/export.py ../shared [--model RUN] [--photos 200]

The script takes the model of a run below FLUKE_DATA, and test photos of cats_dogs. Each way starts with the bytes of
photos in memory and predicts 32 at a time. Photos/s is the best of three passes, after one pass that is not timed.
`fluke` and ONNX make tiles on one thread per core, as `fluke predict` does.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from flows.predict import export
from flows.predict import model as models
from flows.run_records import data_root
from tasks.images.tiles import tile_of
from tasks.inference.predictor import Predictor
from tasks.store.store import Store

BATCH_PHOTOS = 32
PASSES = 3

Answer = Callable[[list[bytes]], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--photos", type=int, default=200)
    asked = parser.parse_args()
    found = sorted((asked.shared / "data/cats_dogs/test").glob("*/*.jpg"))
    photos = [path.read_bytes() for path in found[:: max(1, len(found) // asked.photos)]][: asked.photos]
    model = models.find(Store(data_root()), asked.model)
    print("| way | largest difference | mean difference | same first answer | photos/s |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor() as threads:

        def tiles(batch: list[bytes]) -> np.ndarray:
            return np.stack(list(threads.map(partial(tile_of, config=model.preprocess), batch)))

        ways = {"fluke": ours(model, tiles)}
        export.export(model, Path(home) / "savedmodel", "savedmodel")
        ways["SavedModel"] = saved_model(Path(home) / "savedmodel")
        export.export(model, Path(home) / "onnx", "onnx")
        ways["ONNX"] = onnx(Path(home) / "onnx" / export.ONNX, tiles)
        expected = answers(ways["fluke"], photos)
        for name, way in ways.items():
            given = answers(way, photos)
            differences = np.abs(given - expected)
            same = int((given.argmax(axis=1) == expected.argmax(axis=1)).sum())
            rate = len(photos) / min(seconds(way, photos) for _ in range(PASSES))
            print(
                f"| {name} | {differences.max():.1e} | {differences.mean():.1e} | {same} of {len(photos)} "
                f"| {rate:.0f} |",
                flush=True,
            )


def ours(model: models.Model, tiles: Callable[[list[bytes]], np.ndarray]) -> Answer:
    network = Predictor(model.classifier, model.encoder, model.references, model.rule)
    return lambda batch: network.probabilities(network.inputs(tiles(batch)))


def saved_model(folder: Path) -> Answer:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    return lambda batch: loaded.signatures["serving_default"](photos=tf.constant(batch))["probabilities"].numpy()


def onnx(path: Path, tiles: Callable[[list[bytes]], np.ndarray]) -> Answer:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda batch: session.run(None, {"tiles": tiles(batch)})[0]


def answers(way: Answer, photos: list[bytes]) -> np.ndarray:
    return np.concatenate([way(photos[at : at + BATCH_PHOTOS]) for at in range(0, len(photos), BATCH_PHOTOS)])


def seconds(way: Answer, photos: list[bytes]) -> float:
    began = time.perf_counter()
    answers(way, photos)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
