"""Export a model as a folder that other programs can use without fluke."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from flows.predict.model import Model
from flows.predict.outputs import check_folder
from tasks.store.atomic import atomic_folder, write_json
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL
from tasks.tables import LABELS

Format = Literal["savedmodel", "onnx"]
README = "README.md"
MODEL = "model.json"
ONNX = "model.onnx"

_SAVEDMODEL_USE = """\
Input: encoded photos, JPEG or PNG. It needs only TensorFlow 2.21 or newer:

```python
import tensorflow as tf

model = tf.saved_model.load("{folder}")
photos = tf.constant([open("photo.jpg", "rb").read()])
answer = model.signatures["serving_default"](photos=photos)
answer["label"], answer["probability"]  # the most likely class of each photo
answer["probabilities"]  # float32 (photos, labels), in the order of {labels}
```

A photo that can't be read makes its whole batch fail.
"""
_ONNX_USE = """\
Input: tiles, uint8 {shape}. `preprocess` in model.json has the settings that turn a photo into a tile: rotate it by its
EXIF orientation, crop, convert to grey if set, stretch the grey levels if `levels` is min_max, resize (area averaging
to shrink, linear interpolation if the longer side is less than 1.25 times as long, cubic interpolation to enlarge), and
make it square as `fit` says: pad the shorter side, stretch both sides, or cut out the centre. If fluke is installed,
use `tasks.images.tiles.tile_of`.

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
    """Raise UserError unless the folder is new or empty, and can be written."""
    if folder.exists() and (not folder.is_dir() or not all(path.name.startswith(PARTIAL) for path in folder.iterdir())):
        raise UserError(f"{folder} exists and is not an empty folder; name a new folder, or delete this one first")
    check_folder("FOLDER", folder)


def export(model: Model, folder: Path, form: Format) -> None:
    """Write a model's files, labels.json, model.json and README.md into a new folder; all of it or nothing.

    Args:
        model: The trained model.
        folder: A new or empty folder.
        form: savedmodel takes encoded photos; onnx takes tiles.

    Raises:
        UserError: The folder is not empty, or the packages for this format are not installed.
    """
    from tasks.inference.export import model as exports
    from tasks.inference.knn import References
    from tasks.networks.keras_io import load

    check(folder)
    exports.check(form)
    classifier, encoder = load(model.classifier), load(model.encoder) if model.encoder else None
    references = References.read(model.references) if model.references else None
    if form == "onnx":
        classifier, encoder = exports.onnx_compatible(classifier), encoder and exports.onnx_compatible(encoder)
    network = exports.full_model(classifier, encoder, model.rule, references)
    with atomic_folder(folder) as partial:
        if form == "onnx":
            exports.save_onnx(network, partial / ONNX)
        else:
            exports.save_tensorflow(network, model.rule.names, model.preprocess, partial)
        write_json(LABELS.path(partial), model.rule.names)
        write_json(partial / MODEL, described := _described(model, form, (None, *network.input_shape[1:])))
        (partial / README).write_text(_readme(described, folder), encoding="utf-8")


def _described(model: Model, form: Format, tiles: tuple[int | None, ...]) -> dict[str, Any]:
    photos = {"name": "photos", "dtype": "string", "shape": [None], "holds": "encoded photos, JPEG or PNG"}
    pixels = {"name": "tiles", "dtype": "uint8", "shape": list(tiles), "holds": "grey or RGB, 0..255"}
    try:
        fluke = version("fluke")
    except PackageNotFoundError:  # fluke runs from a checkout that is not installed
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
