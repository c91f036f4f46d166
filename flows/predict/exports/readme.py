"""The README of an export: what the model takes and gives, and ten lines that use it."""

from collections.abc import Iterator
from typing import Any

from flows.predict.exports.compare import Comparison
from tasks.tables.train import LABELS

_SAVEDMODEL = """\
Input: encoded photos, JPEG or PNG. It needs only TensorFlow 2.21 or newer:

```python
import tensorflow as tf

model = tf.saved_model.load(".")
photos = tf.constant([open("photo.jpg", "rb").read()])
answer = model.signatures["serving_default"](photos=photos)
label, probability = answer["label"][0].numpy().decode(), float(answer["probability"][0])
print(label, probability)
answer["probabilities"]  # float32 (photos, labels), in the order of {labels}
```

A photo that can't be read makes its whole batch fail.
"""
_TILES = """\
Input: tiles, uint8 {shape}, which `tiles.py` makes of JPEG, PNG and WebP files. Packages: {packages}.

```python
import json
import numpy as np
{imports}
from tiles import tile_of

settings, labels = (json.load(open(name)) for name in ("model.json", "{labels}"))
tiles = np.stack([tile_of(open("photo.jpg", "rb").read(), settings["preprocess"])])
{use}
best = probabilities[0].argmax()
label, probability = labels[best], float(probabilities[0][best])
print(label, probability)
```

`probabilities` is float32 (photos, labels), in the order of {labels}. `preprocess` in model.json has the settings that
turn a photo into a tile: rotate it by its EXIF orientation, crop, convert to grey if set, stretch the grey levels if
`levels` is min_max, resize, and make it square as `fit` says.
"""
_PACKAGES = {
    "onnx": ("numpy, opencv-python-headless, onnxruntime", "import onnxruntime"),
    "litert": ("numpy, opencv-python-headless, ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter"),
    "openvino": ("numpy, opencv-python-headless, openvino", "import openvino"),
}
_USES = {
    "onnx": 'model = onnxruntime.InferenceSession("model.onnx")\n[probabilities] = model.run(None, {"tiles": tiles})',
    "litert": 'model = Interpreter("model.tflite").get_signature_runner()  # one tile at a time\n'
    'probabilities = model(tiles=tiles)["probabilities"]',
    "openvino": 'model = openvino.Core().compile_model("model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})\n'
    'probabilities = model(tiles)["probabilities"]',
}


def text(described: dict[str, Any], folder: str, compared: Comparison | None) -> str:
    """Return the README.

    Args:
        described: The content of model.json.
        folder: The name of the export's folder.
        compared: How the model answers against Keras; None if that is not known.
    """
    form = described["format"]
    if form == "savedmodel":
        use = _SAVEDMODEL.format(labels=LABELS.name)
    else:
        packages, imports = _PACKAGES[form]
        shape = "({})".format(", ".join("n" if side is None else str(side) for side in described["input"]["shape"]))
        use = _TILES.format(shape=shape, packages=packages, imports=imports, use=_USES[form], labels=LABELS.name)
    if form == "openvino":
        use += (
            "\nWithout INFERENCE_PRECISION_HINT, CPUs that have bfloat16 use it: faster, with slightly other answers.\n"
            "\nOpenVINO reports each import to Google Analytics, unless you run `opt_in_out --opt_out` once.\n"
        )
    use = "\n\n".join([use.rstrip(), *_limits(described["limits"])])
    parts = [f"# The model of run {described['run']}", f"Run the example in this folder, `{folder}`.", use]
    if compared:
        parts += ["## Compared with Keras", "\n".join(f"- {line}" for line in compared.lines())]
    return "\n\n".join(parts) + "\n"


def _limits(limits: dict[str, Any]) -> Iterator[str]:
    """Say how to use the limits of probabilities, see `tasks.inference.limits`; nothing if there are none."""
    abstain, sets = (limits[name] or {} for name in ("abstain", "sets"))
    if (least := abstain.get("least_probability")) is not None:
        yield (
            f"An answer whose probability is below {least:.6f} is unsure: from there on, {abstain['wanted']:.0%} were "
            "right on validation photos (`limits.abstain` in model.json)."
        )
    if (least := sets.get("least_probability")) is not None:
        yield (
            f"The classes with a probability of {least:.6f} or more, and the most likely class, contain the true one "
            f"for about {sets['wanted']:.0%} of photos, if these are like the validation photos (`limits.sets` in "
            "model.json)."
        )
