"""Pretrained weights of a network: ImageNet weights that are installed or downloaded, or those in a model file."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import keras
import numpy as np

from tasks.networks import backbones, keras_io, packaged_weights
from tasks.networks.backbones import Backbone
from tasks.networks.packaged_weights import PackagedWeights
from tasks.store.errors import UserError

_SIDE_PX = 224
"""Input of the network whose weights are downloaded; they fit every side."""


class Settings(NamedTuple):
    """The names of the settings that messages name."""

    network: str
    weights: str | None
    """None: a file can't be given."""


OF_ENCODER = Settings("pretrain.encoder", "pretrain.weights")
OF_NETWORK = Settings("train.network", "train.network_weights")
OF_LOOK = Settings("--network", None)


def load(
    inputs: keras.KerasTensor,
    outputs: keras.KerasTensor,
    network: str,
    weights: Literal["auto", "imagenet"] | Path,
    settings: Settings = OF_ENCODER,
) -> None:
    """Load pretrained weights into the layers between two tensors of a graph.

    Args:
        inputs: the backbone's input.
        outputs: the backbone's output.
        network: name of the backbone.
        weights: auto takes those that are installed with fluke, or else does as imagenet, which downloads the file that
            Keras offers, once, as Keras caches it. A path is a Keras model file of the same network, with any head.
        settings: what messages name.

    Raises:
        UserError: the weights cannot be found, downloaded or read, or do not fit.
    """
    backbone = backbones.load(network)
    if weights == "auto" and backbone.packaged:
        _load_packaged(network, backbone.packaged, inputs, outputs, settings)
        return
    source = _read(weights, settings) if isinstance(weights, Path) else _download(network, backbone, settings)
    try:
        copy(source, inputs, outputs, backbone.aliases)
    except ValueError as error:
        raise UserError(
            f"{settings.weights}: {weights} doesn't fit {settings.network}={network}: {error}; give a model file of "
            "the same network"
        ) from error


def copy(
    source: keras.Model,
    inputs: keras.KerasTensor,
    outputs: keras.KerasTensor,
    aliases: Mapping[str, str] | None = None,
) -> None:
    """Copy a model's weights, by the names of its layers, into the layers between two tensors of another graph.

    Weights whose shapes differ only in axes of length 1 are reshaped.

    Args:
        source: the model with the weights.
        inputs: where the other graph's layers begin.
        outputs: where they end.
        aliases: names in the source, by our names, for layers that the source does not have under our name.

    Raises:
        ValueError: a layer is missing or its weights have another shape; nothing has been copied then.
    """
    given = _by_name(_leaves(source))
    wanted = _by_name(_between(inputs, outputs))
    names = {name: name if name in given else (aliases or {}).get(name, name) for name in wanted}
    problems = [_problem(names[name], given.get(names[name]), layer) for name, layer in wanted.items()]
    if wanted and all(problems):
        raise ValueError(f"it contains another network, as none of its layers fits ({problems[0]})")
    if found := next(filter(None, problems), None):
        raise ValueError(found)
    for name, layer in wanted.items():
        values = given[names[name]].get_weights()
        layer.set_weights(
            [np.reshape(value, weight.shape) for value, weight in zip(values, layer.weights, strict=True)]
        )


def _load_packaged(
    network: str,
    packaged: PackagedWeights,
    inputs: keras.KerasTensor,
    outputs: keras.KerasTensor,
    settings: Settings,
) -> None:
    try:
        arrays = packaged.read()
    except UserError as error:
        raise UserError(f"{settings.network}={network}: {error}") from error
    layers = [layer for layer in _between(inputs, outputs) if layer.weights]
    packaged_weights.copy(arrays, layers, packaged.name_in_file)


def _download(network: str, backbone: Backbone, settings: Settings) -> keras.Model:
    if backbone.application is None:
        if backbone.packaged and settings.weights:
            remedy = f"set {settings.weights}=auto, which takes those that are installed"
        else:
            found = {name: backbones.load(name) for name in backbones.names()}
            offered = [name for name, other in found.items() if other.packaged or other.application]
            other = f"give a model file as {settings.weights}, or" if settings.weights else "choose"
            remedy = f"{other} one of the networks {', '.join(offered)}"
        raise UserError(f"Keras offers no ImageNet weights for {settings.network}={network}; {remedy}")
    try:
        return backbone.application(include_top=False, weights="imagenet", input_shape=(_SIDE_PX, _SIDE_PX, 3))
    except Exception as error:  # Keras raises plain exceptions
        other = f", or give a Keras model file of that network as {settings.weights}" if settings.weights else ""
        raise UserError(
            f"cannot download ImageNet weights for {settings.network}={network}: {keras_io.first_line(error)}; try "
            f"again{other}"
        ) from error


def _read(path: Path, settings: Settings) -> keras.Model:
    try:
        return keras_io.load(path.expanduser())
    except Exception as error:  # Keras raises many kinds of errors
        raise UserError(
            f"{settings.weights}: cannot read {path} as a Keras model: {keras_io.first_line(error)}; give a file "
            "written by `model.save`"
        ) from error


def _between(inputs: keras.KerasTensor, outputs: keras.KerasTensor) -> list[keras.layers.Layer]:
    ends = keras.utils.get_source_inputs(inputs)  # from the outputs, it would follow every path through every branch
    before = {id(layer) for layer in keras.Model(ends, inputs).layers}
    return [layer for layer in keras.Model(ends, outputs).layers if id(layer) not in before]


def _leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Iterate over a model's layers and, in place of nested models, their layers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _by_name(layers: Iterable[keras.layers.Layer]) -> dict[str, keras.layers.Layer]:
    """Return the layers that have weights, by name.

    Keras numbers layers without a name through the whole process (conv2d_17). They get the names that they would have
    in a new process (conv2d, conv2d_1 ...).
    """
    named: dict[str, keras.layers.Layer] = {}
    unnamed: dict[str, dict[int, keras.layers.Layer]] = defaultdict(dict)
    for layer in layers:
        if layer.weights:
            stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name).groups()  # type: ignore[union-attr]
            if stem.replace("_", "") == type(layer).__name__.lower():
                unnamed[stem][int(number or 0)] = layer
            else:
                named[layer.name] = layer
    for stem, numbered in unnamed.items():
        for place, number in enumerate(sorted(numbered)):
            named[f"{stem}_{place}" if place else stem] = numbered[number]
    return named


def _problem(name: str, given: keras.layers.Layer | None, wanted: keras.layers.Layer) -> str | None:
    if given is None:
        return f"it has no layer {name}"
    found, due = ([tuple(weight.shape) for weight in layer.weights] for layer in (given, wanted))
    if [_without_ones(shape) for shape in found] != [_without_ones(shape) for shape in due]:
        return f"its layer {name} has weights of {_shown(found)}, not {_shown(due)}"
    return None


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [length for length in shape if length != 1]


def _shown(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))
