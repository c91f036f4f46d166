"""The weights that a network starts from: those of ImageNet that Keras offers, or those of a model file."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Literal

import keras
import numpy as np

from tasks.networks import BACKBONES, keras_io
from tasks.store import plugins
from tasks.store.errors import UserError

_SIDE_PX = 224
"""Of the network whose weights are downloaded; they fit every side."""


def load(
    inputs: keras.KerasTensor, outputs: keras.KerasTensor, network: str, weights: Literal["imagenet"] | Path
) -> None:
    """Fill the layers between two tensors of a graph with pretrained weights.

    network: name of the backbone that made them.
    weights: imagenet, to download what Keras offers (once: it keeps the file), or a Keras model file of the same
    network, whatever its head.
    Raises UserError where they can't be had or don't fit.
    """
    module = plugins.load(BACKBONES, network)
    source = _downloaded(network, module) if weights == "imagenet" else _read(weights)
    try:
        copy(source, inputs, outputs, getattr(module, "ALIASES", {}))
    except ValueError as error:
        raise UserError(
            f"train.weights: {weights} doesn't fit train.network={network}: {error}; give a model file of the same "
            "network, or null to train from scratch"
        ) from error


def copy(
    source: keras.Model,
    inputs: keras.KerasTensor,
    outputs: keras.KerasTensor,
    aliases: Mapping[str, str] | None = None,
) -> None:
    """Copy a model's weights, by the names of its layers, into the layers between two tensors of another graph.

    aliases: another name for some of those layers, where the source has none of the first. Weights that differ in
    axes of length 1 only are reshaped. Raises ValueError, and copies nothing, if a layer is missing or differs.
    """
    given = _by_name(_leaves(source))
    wanted = _by_name(_between(inputs, outputs))
    names = {name: name if name in given else (aliases or {}).get(name, name) for name in wanted}
    problems = [_problem(names[name], given.get(names[name]), layer) for name, layer in wanted.items()]
    if wanted and all(problems):
        raise ValueError(f"it is another network's, none of its layers fits ({problems[0]})")
    if found := next(filter(None, problems), None):
        raise ValueError(found)
    for name, layer in wanted.items():
        values = given[names[name]].get_weights()
        layer.set_weights(
            [np.reshape(value, weight.shape) for value, weight in zip(values, layer.weights, strict=True)]
        )


def _downloaded(network: str, module: ModuleType) -> keras.Model:
    if not hasattr(module, "APPLICATION"):
        every = plugins.names(BACKBONES)
        offered = [name for name in every if hasattr(plugins.load(BACKBONES, name), "APPLICATION")]
        raise UserError(
            f"train.weights: Keras offers no weights of ImageNet for train.network={network}; give a model file, null "
            f"to train from scratch, or one of the networks {', '.join(offered)}"
        )
    try:
        return module.APPLICATION(include_top=False, weights="imagenet", input_shape=(_SIDE_PX, _SIDE_PX, 3))
    except Exception as error:  # Keras raises bare ones
        raise UserError(
            f"train.weights: imagenet can't be downloaded for train.network={network}: {_first_line(error)}; try "
            "again, or give a Keras model file of that network"
        ) from error


def _read(path: Path) -> keras.Model:
    try:
        return keras_io.load(path.expanduser())
    except Exception as error:  # Keras raises all kinds of errors
        raise UserError(
            f"train.weights: {path} can't be read as a Keras model: {_first_line(error)}; give a file that "
            "`model.save` wrote"
        ) from error


def _between(inputs: keras.KerasTensor, outputs: keras.KerasTensor) -> list[keras.layers.Layer]:
    ends = keras.utils.get_source_inputs(inputs)  # from the outputs, it would follow every path through every branch
    before = {id(layer) for layer in keras.Model(ends, inputs).layers}
    return [layer for layer in keras.Model(ends, outputs).layers if id(layer) not in before]


def _leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """A model's layers, with those of nested models in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _by_name(layers: Iterable[keras.layers.Layer]) -> dict[str, keras.layers.Layer]:
    """Layers that have weights, by name.

    Keras numbers nameless layers on through a whole process (conv2d_17): they get the names that they would have
    in a process of their own (conv2d, conv2d_1 ...).
    """
    named: dict[str, keras.layers.Layer] = {}
    nameless: dict[str, dict[int, keras.layers.Layer]] = defaultdict(dict)
    for layer in layers:
        if layer.weights:
            stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name).groups()  # type: ignore[union-attr]
            if stem.replace("_", "") == type(layer).__name__.lower():
                nameless[stem][int(number or 0)] = layer
            else:
                named[layer.name] = layer
    for stem, numbered in nameless.items():
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


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
