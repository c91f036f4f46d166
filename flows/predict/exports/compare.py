"""Compare an exported model with Keras, on photos: answers, size, photos per second."""

import importlib.util
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.predict.exports.formats import FILES, Format
from flows.predict.model import Model
from tasks.images.tiles import tile_of
from tasks.store.json_file import read_json

logger = logging.getLogger("fluke.export")

_BATCH_PHOTOS = 32
Way = Callable[[Sequence[bytes]], NDArray[Any]]
"""From the contents of photo files to probabilities `(n, answers)`."""


@dataclass(frozen=True)
class Comparison:
    """How an exported model answers photos, against Keras."""

    photos: int
    refused: int
    """Photos that only Keras could answer."""
    same_answer: int
    """Photos with the same most likely class."""
    largest_difference: float
    """Of any probability."""
    mean_difference: float
    size_mb: float
    """All files of the export that a program needs."""
    photos_per_s: float
    keras_photos_per_s: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields, with the numbers rounded to three digits."""
        return {name: float(f"{v:.3g}") if isinstance(v, float) else v for name, v in asdict(self).items()}

    def lines(self) -> list[str]:
        """Return the comparison in words."""
        refused = f"; {self.refused} could not be read" if self.refused else ""
        return [
            f"{self.photos} test photos: {self.same_answer} with the same answer as in Keras{refused}",
            f"probabilities differ by at most {self.largest_difference:.1e}, on average by {self.mean_difference:.1e}",
            f"{self.size_mb:.1f} MB; {self.photos_per_s:.0f} photos/s (Keras: {self.keras_photos_per_s:.0f}), decoded "
            "one after the other",
        ]


def compare(model: Model, folder: Path, form: Format, photos: Sequence[bytes]) -> Comparison | None:
    """Compare the model in a folder with the one that it was made of; None if its runtime isn't installed.

    Both get the same files. Keras makes tiles as fluke does, and the exported model as its README says.
    """
    try:
        exported = _WAYS[form](folder)
    except ImportError as error:
        logger.warning("not compared with Keras: %s is not installed", error.name)
        return None
    keras = _keras(model)
    given, rate = _asked(exported, photos)
    answered = [photo for photo, row in zip(photos, given, strict=True) if row is not None]
    if not answered:
        logger.warning("not compared with Keras: the exported model can read none of %d photos", len(photos))
        return None
    found, expected_rows = np.stack([row for row in given if row is not None]), _asked(keras, answered)
    expected = np.stack([row for row in expected_rows[0] if row is not None])
    differences = np.abs(found - expected)
    return Comparison(
        photos=len(answered),
        refused=len(photos) - len(answered),
        same_answer=int((found.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        largest_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        size_mb=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
        photos_per_s=rate,
        keras_photos_per_s=expected_rows[1],
    )


def _asked(way: Way, photos: Sequence[bytes]) -> tuple[list[NDArray[Any] | None], float]:
    """Return the answers, None for a photo that is refused, and photos per second in a pass after the first batch."""
    batches = [photos[at : at + _BATCH_PHOTOS] for at in range(0, len(photos), _BATCH_PHOTOS)]
    _answers(way, batches[0])
    began = time.perf_counter()
    answers = [row for batch in batches for row in _answers(way, batch)]
    return answers, len(photos) / (time.perf_counter() - began)


def _answers(way: Way, batch: Sequence[bytes]) -> list[NDArray[Any] | None]:
    try:
        return list(way(batch))
    except Exception:  # each runtime has its own errors: one of the photos is refused
        return [None] if len(batch) == 1 else [row for photo in batch for row in _answers(way, [photo])]


def _keras(model: Model) -> Way:
    from tasks.inference.predictor import Predictor

    network = Predictor(model.classifier, model.encoder, model.references, model.rule, waits_for_each=True)

    def way(photos: Sequence[bytes]) -> NDArray[Any]:
        return network.probabilities(network.inputs(np.stack([tile_of(photo, model.preprocess) for photo in photos])))

    return way


def _savedmodel(folder: Path) -> Way:
    from tasks.inference.export.model import load_tensorflow

    return load_tensorflow(folder)


def _onnx(folder: Path) -> Way:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / FILES["onnx"])
    tiles = _tiles(folder)
    return lambda photos: np.asarray(session.run(None, {"tiles": tiles(photos)})[0])


def _openvino(folder: Path) -> Way:
    from tasks.inference.export.openvino_import import openvino_without_telemetry

    openvino = openvino_without_telemetry()
    precision = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16 where the CPU has it, with other answers
    model = openvino.Core().compile_model(folder / FILES["openvino"], "CPU", precision)
    tiles = _tiles(folder)
    return lambda photos: np.asarray(model(tiles(photos))["probabilities"])


def _litert(folder: Path) -> Way:
    from tasks.inference.export.litert import runner

    answer, tiles = runner(folder / FILES["litert"]), _tiles(folder)
    return lambda photos: np.concatenate([answer(tiles=tile[None])["probabilities"] for tile in tiles(photos)])


_WAYS: dict[Format, Callable[[Path], Way]] = {
    "savedmodel": _savedmodel,
    "onnx": _onnx,
    "litert": _litert,
    "openvino": _openvino,
}


class _WithoutCache(SourceFileLoader):
    """Loads a module and leaves no `__pycache__` beside it: the folder is given away."""

    def set_data(self, path: str, data: bytes | bytearray, *, _mode: int = 0o666) -> None:  # type: ignore[override]
        pass


def _tiles(folder: Path) -> Callable[[Sequence[bytes]], NDArray[np.uint8]]:
    """Return a function that makes tiles `(n, side, side, c)` as a program without fluke does."""
    settings = read_json(folder / "model.json", dict[str, Any])["preprocess"]
    name = "fluke_exported_tiles"
    loader = _WithoutCache(name, str(folder / "tiles.py"))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look for it there
    loader.exec_module(module)
    return lambda photos: np.stack([module.tile_of(photo, settings) for photo in photos])
