"""Save a model for LiteRT (TensorFlow Lite), in float32 or with integers of 8 bits."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.store.errors import UserError


def save_litert(model: keras.Model, path: Path, examples: NDArray[np.uint8] | None = None) -> None:
    """Write a .tflite file with the input `tiles`, uint8 (1, side, side, c), and the output `probabilities`, float32.

    With examples, weights and activations become integers of 8 bits after training: the ranges of the activations are
    those of the examples (tensorflow.org/lite/performance/post_training_integer_quant). Operations that have no such
    form stay in float32, as do input and output.

    Args:
        model: A model that `full_model` made of networks that compute in float32.
        path: The file to write.
        examples: Tiles `(n, side, side, c)` for `int8`; None: float32.

    Raises:
        UserError: The network has an operation that can't be converted.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        tiles = tf.TensorSpec((1, *model.input_shape[1:]), tf.uint8, name="tiles")
        archive.add_endpoint("serve", lambda tiles: {"probabilities": model(tiles, training=False)}, [tiles])
        archive.write_out(folder, verbose=False)
        path.write_bytes(_converted(folder, examples))


def _converted(folder: str, examples: NDArray[np.uint8] | None) -> bytes:
    """Convert a SavedModel; raises UserError."""
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    if examples is not None:

        def one_by_one() -> Iterator[list[NDArray[np.uint8]]]:
            yield from ([tile[None]] for tile in examples)

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = one_by_one
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises errors of several kinds
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"--format litert: this network can't be converted ({reason}); use --format savedmodel"
        ) from error


def runner(path: Path) -> Callable[..., dict[str, NDArray[np.float32]]]:
    """Load a .tflite file: returns a function from `tiles` to a dictionary with `probabilities`."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # LiteRT's own package has the same class
        runner: Callable[..., dict[str, NDArray[np.float32]]] = tf.lite.Interpreter(str(path)).get_signature_runner()
    return runner
