"""Look into a network with one photo, and write what there is to see into a folder."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows import preflight
from flows.look import grids, page
from flows.look.network import Network, of_model, pretrained
from flows.predict import outputs
from tasks.crawl.listing.files import read_file
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.store import hashing
from tasks.store.atomic import atomic_folder
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL
from tasks.store.progress import Progress

FOLDER = "looks"
PAGE, SUMMARY = "index.html", "network.txt"
_MARK = SUMMARY
"""A folder that has this file, and the one that crawls pass over, has been written by this command."""
PATTERNS, PER_ROW = 64, 8
"""Channels of a layer whose patterns are drawn, and how many in a row."""
_STEPS, _AT_ONCE = 30, 16
"""Steps of the gradient ascent, and images that are computed together."""
_NAMES = 3
_SUMMARY_COLUMNS = 120


@dataclass(frozen=True)
class LookOptions:
    """What to look at, and where to write it."""

    photo: Path
    model: str | None = None
    """A name of models, or a run, see `flows.models.find.find_run`; None: the only name."""
    network: str | None = None
    """A pretrained network to look into instead of a model."""
    layers: tuple[str, ...] = ()
    """Layers whose patterns are drawn."""
    out: Path | None = None
    """A new or empty folder, or one of an earlier look; None: one in the data folder."""


class Picture(NamedTuple):
    """A file of the folder, and what it shows."""

    file: str
    layer: str
    shape: tuple[int, int, int]
    """Of the layer's maps: (h, w, c)."""
    dead: int = 0
    """Channels whose map has one value only."""


@dataclass(frozen=True)
class Seen:
    """What a look has found."""

    title: str
    photo: str
    folder: Path
    activations: list[Picture] = field(default_factory=list)
    patterns: list[Picture] = field(default_factory=list)
    classes: list[tuple[str, float]] = field(default_factory=list)
    """The model's own answer: classes with their probabilities, the first first."""
    imagenet: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """By network: what its own ImageNet head says."""
    notes: list[str] = field(default_factory=list)
    """What can't be shown, and why."""


def look_to(root: Path, options: LookOptions, *, progress: Progress, announce: Callable[[str], None]) -> Seen:
    """Look into a network, and write a page, a grid of each layer's feature maps, patterns and the summary.

    Args:
        root: The data folder.
        options: What to look at, and where to write it.
        progress: Reports how many layers and patterns are done.
        announce: Receives one line before the computation starts.

    Raises:
        UserError: The photo, the model or a layer doesn't exist, or the folder can't be used.
    """
    if options.model and options.network:
        raise UserError("give --model or --network, not both: --network looks into a network as it was published")
    photo = _read(options.photo)
    if options.out:
        _check(options.out)
    with preflight.in_use(root):
        network = pretrained(options.network) if options.network else of_model(root, options.model)
        chosen = [network.layer(name) for name in dict.fromkeys(options.layers)]
        layers = network.layers()
        try:
            tile = network.tile(photo)
        except (ValueError, MemoryError) as error:
            raise UserError(f"{options.photo}: {error}; give another photo") from error
        folder = options.out or default_folder(root, options.photo, network)
        _check(folder)
        announce(f"{options.photo.name}: {layers_text(len(layers))} of {network.title} ...")
        seen = Seen(network.title, options.photo.name, folder)
        with atomic_folder(folder) as partial:
            (partial / HEAT_MAPS).touch()  # a later crawl passes over this folder
            described = summary(network)
            (partial / SUMMARY).write_text(described, encoding="utf-8")
            _answer(network, photo, tile, seen)
            with progress("layers", total=len(layers)) as advance:
                for number, (layer, maps) in enumerate(_activations(network, layers, tile), 1):
                    name = f"{number:03d}-{_file_name(layer.name)}.png"
                    (partial / name).write_bytes(grids.of_maps(maps))
                    dead = int((np.ptp(maps, axis=(0, 1)) == 0).sum())
                    seen.activations.append(Picture(name, layer.name, _shape(maps), dead))
                    advance(1)
            for layer in chosen:
                name = f"patterns-{_file_name(layer.name)}.png"
                found = patterns(network, layer, progress=progress)
                (partial / name).write_bytes(grids.of_patterns(found, PER_ROW))
                seen.patterns.append(Picture(name, layer.name, tuple(layer.output.shape[1:])))
            text = page.html(seen, tile, described)
            (partial / PAGE).write_text(text, encoding="utf-8", errors="replace")
    return seen


def default_folder(root: Path, photo: Path, network: Network) -> Path:
    """Return the folder for looks at a photo with a network, in the data folder."""
    path = photo.expanduser().absolute()
    whose = network.model.run if network.model else network.title
    return root / FOLDER / f"{outputs.readable_name(path.stem)}-{hashing.of_value(str(path))[:6]}-{whose}"


def layers_text(count: int) -> str:
    """Return a number of layers with its noun."""
    return f"{count} layer" if count == 1 else f"{count} layers"


def summary(network: Network) -> str:
    """Return the summary of a network: its layers with their shapes, parameters and inputs."""
    lines = io.StringIO()
    with _console_width(_SUMMARY_COLUMNS):
        for part in filter(None, (network.encoder, network.graph)):
            part.summary(line_length=_SUMMARY_COLUMNS, print_fn=lambda text, **_: lines.write(f"{text}\n"))
    return lines.getvalue()


@contextmanager
def _console_width(columns: int) -> Iterator[None]:
    """Let Keras print so wide a table, however narrow the terminal is: rich cuts it off otherwise."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def patterns(network: Network, layer: Any, *, progress: Progress) -> NDArray[np.uint8]:
    """Compute images that activate the first 64 channels of a layer, uint8 `(n, h, w, 1 or 3)`."""
    from tasks.networks.explain.activation_max import FromPixels, maximise

    if network.is_of_encoder(layer):
        differentiable = FromPixels(network.encoder, [layer], None)
    else:
        differentiable = FromPixels(network.graph, [layer], network.encoder)
    channels = np.arange(min(PATTERNS, int(layer.output.shape[-1])))
    found = []
    with progress(f"patterns of {layer.name}", total=len(channels)) as advance:
        for start in range(0, len(channels), _AT_ONCE):
            part = channels[start : start + _AT_ONCE]
            found.append(maximise(differentiable, [part], steps=_STEPS)[0])
            advance(len(part))
    return np.concatenate(found)


def _activations(
    network: Network, layers: Sequence[Any], tile: NDArray[np.uint8]
) -> Iterator[tuple[Any, NDArray[np.float32]]]:
    """Yield each layer with its feature maps of a tile, `(h, w, c)`."""
    from tasks.networks.explain.inspect import activations
    from tasks.networks.keras_io import predict

    tiles = tile[None]
    of_encoder = [layer for layer in layers if network.is_of_encoder(layer)]
    others = [layer for layer in layers if not network.is_of_encoder(layer)]
    if of_encoder:
        for layer, maps in zip(of_encoder, activations(network.encoder, of_encoder, tiles), strict=True):
            yield layer, maps[0]
    inputs = tiles if network.encoder is None else predict(network.encoder, tiles)
    for layer, maps in zip(others, activations(network.graph, others, inputs), strict=True):
        yield layer, maps[0]


def _answer(network: Network, photo: bytes, tile: NDArray[np.uint8], seen: Seen) -> None:
    """Add the answers to what is seen: the model's, and those of the ImageNet heads of its pretrained networks."""
    from configs.schema import PreprocessConfig
    from tasks.images.tiles import tile_of
    from tasks.inference.predictions import top_with_probabilities
    from tasks.inference.predictor import Predictor
    from tasks.networks.explain.imagenet import ImageNetNetwork

    if network.model:
        model, rule = network.model, network.model.rule
        predictor = Predictor(model.classifier, model.encoder, model.references, rule, 1)
        probabilities = predictor.probabilities(predictor.inputs(tile[None]))
        ranks, values = top_with_probabilities(probabilities, min(_NAMES, len(rule.names)))
        seen.classes.extend((rule.names[i], float(value)) for i, value in zip(ranks[0], values[0], strict=True))
    if not network.pretrained:
        seen.notes.append("ImageNet names: none, because this network did not begin with pretrained weights")
    for name in network.pretrained:
        try:
            whole = ImageNetNetwork(name)
        except UserError as error:
            seen.notes.append(f"ImageNet names: none, because {error}")
        else:
            seen.imagenet[name] = whole.top(tile_of(photo, PreprocessConfig(side_px=whole.side_px, fit="cut")), _NAMES)


def _read(photo: Path) -> bytes:
    if photo.is_dir():
        raise UserError(f"{photo} is a folder; name one photo in it")
    if not photo.exists():
        raise UserError(f"{photo}: no such photo")
    try:
        return read_file(photo)
    except OSError as error:
        raise UserError(f"{photo}: can't be read ({error.strerror or error})") from error


def _check(folder: Path) -> None:
    """Raise UserError unless the folder is new or empty, or is that of an earlier look."""
    outputs.check_folder("--out", folder)
    names = {path.name for path in folder.iterdir() if not path.name.startswith(PARTIAL)} if folder.is_dir() else set()
    if names and not {HEAT_MAPS, _MARK} <= names:
        raise UserError(f"--out {folder}: the folder holds other files; name a new or an empty folder")


def _file_name(layer: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-." else "_" for letter in layer)


def _shape(maps: NDArray[np.float32]) -> tuple[int, int, int]:
    height, width, channels = maps.shape
    return height, width, channels
