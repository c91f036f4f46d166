"""A model as a folder that other programs use without fluke."""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from flows.predict.model import Model
from tasks.store.atomic import atomic_folder
from tasks.store.errors import UserError
from tasks.tables import LABELS

Format = Literal["savedmodel", "onnx"]
README = "README.md"
MODEL = "model.json"
ONNX = "model.onnx"

_SAVEDMODEL_USE = """\
It takes encoded photos, JPEG or PNG, and needs TensorFlow 2.21 or newer and nothing else:

```python
import tensorflow as tf

model = tf.saved_model.load("{folder}")
photos = tf.constant([open("photo.jpg", "rb").read()])
answer = model.signatures["serving_default"](photos=photos)
answer["label"], answer["probability"]  # the likeliest of each photo
answer["probabilities"]  # float32 (photos, labels), in the order of {labels}
```

One photo that can't be read fails its whole batch.
"""
_ONNX_USE = """\
It takes tiles, uint8 {shape}, which are made of photos as `preprocess` in model.json says: upright as their EXIF says,
cropped, grey if so, shrunk by area (enlarged by cubic interpolation) until the longer side fits, padded to a square.
Where fluke is installed, `tasks.images.tiles.tile_of` makes them.

```python
import json

import numpy as np
import onnxruntime

from configs.schema import PreprocessConfig
from tasks.images.tiles import tile_of

model = onnxruntime.InferenceSession("{folder}/model.onnx")
preprocess = PreprocessConfig(**json.load(open("{folder}/model.json"))["preprocess"])
tiles = np.stack([tile_of(open("photo.jpg", "rb").read(), preprocess)])
[probabilities] = model.run(None, {{"tiles": tiles}})  # float32 (photos, labels), in the order of {labels}
```
"""


def check(folder: Path) -> None:
    """Refuse a folder that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already and not an empty folder; name a new one, or delete it first")


def export(model: Model, folder: Path, form: Format) -> None:
    """Write a model into a new folder, whole or not at all: its files, labels.json, model.json and a README.md.

    Raises UserError where the folder holds something, or this Python can't write the format.
    """
    from tasks.inference.export import model as exports
    from tasks.inference.knn import References
    from tasks.networks.keras_io import load

    check(folder)
    exports.check(form)
    classifier, encoder = load(model.classifier), load(model.encoder) if model.encoder else None
    references = References.read(model.references) if model.references else None
    if form == "onnx":
        classifier, encoder = exports.convertible(classifier), encoder and exports.convertible(encoder)
    network = exports.whole(classifier, encoder, model.inference, references)
    with atomic_folder(folder) as partial:
        if form == "onnx":
            exports.save_onnx(network, partial / ONNX)
        else:
            exports.save_tensorflow(network, model.inference.names, model.preprocess, partial)
        _write_json(LABELS.path(partial), model.inference.names)
        _write_json(partial / MODEL, described := _described(model, form, (None, *network.input_shape[1:])))
        (partial / README).write_text(_readme(described, folder), encoding="utf-8")


def _described(model: Model, form: Format, tiles: tuple[int | None, ...]) -> dict[str, Any]:
    photos = {"name": "photos", "dtype": "string", "shape": [None], "holds": "encoded photos, JPEG or PNG"}
    pixels = {"name": "tiles", "dtype": "uint8", "shape": list(tiles), "holds": "grey or RGB, 0..255"}
    try:
        fluke = version("fluke")
    except PackageNotFoundError:  # run from a checkout that isn't installed
        fluke = None
    return {
        "run": model.run,
        "fluke": fluke,
        "format": form,
        "input": pixels if form == "onnx" else photos,
        "outputs": ["probabilities"] if form == "onnx" else ["probabilities", "label", "probability"],
        "preprocess": model.preprocess.model_dump(mode="json"),
    }


def _readme(described: dict[str, Any], folder: Path) -> str:
    use = _ONNX_USE if described["format"] == "onnx" else _SAVEDMODEL_USE
    shape = "({})".format(", ".join("n" if side is None else str(side) for side in described["input"]["shape"]))
    return f"# The model of run {described['run']}\n\n" + use.format(
        folder=folder.absolute().name, shape=shape, labels=LABELS.name
    )


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
