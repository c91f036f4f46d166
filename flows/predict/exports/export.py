"""Export a model as a folder that other programs can use without fluke."""

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args

from flows.models.find import find_run
from flows.predict import model as models
from flows.predict.exports import compare, readme, standalone
from flows.predict.exports.compare import Comparison
from flows.predict.exports.formats import FILES, Format
from flows.predict.model import Model
from flows.predict.outputs import check_folder
from flows.predict.run_photos import some
from tasks.images.tiles import tile_of
from tasks.store.atomic import atomic_folder, write_json
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL
from tasks.store.store import Store
from tasks.tables.train import LABELS

README, MODEL, TILES, COMPARISON = "README.md", "model.json", "tiles.py", "comparison.json"
MOST_COMPARED = 200
_MOST_EXAMPLES = 100
_SUFFIXES = (".jpg", ".png")
"""Photos that all formats can read."""


def check(folder: Path, form: Format, *, int8: bool = False) -> None:
    """Raise UserError unless the folder is new or empty and can be written, and the options fit together."""
    if form not in get_args(Format):
        raise UserError(f"--format {form}: the formats are {', '.join(get_args(Format))}")
    if int8 and form != "litert":
        raise UserError(f"--int8 is for --format litert, not for {form}")
    if folder.exists() and (not folder.is_dir() or not all(path.name.startswith(PARTIAL) for path in folder.iterdir())):
        raise UserError(f"{folder} exists and is not an empty folder; name a new folder, or delete this one first")
    check_folder("FOLDER", folder)


def export(
    root: Path, name: str | None, folder: Path, form: Format, *, int8: bool = False, most_compared: int = MOST_COMPARED
) -> Comparison | None:
    """Write a model's files, labels.json, model.json, README.md and the comparison; all of it or nothing.

    Args:
        root: The data folder.
        name: The model, see `flows.models.find.find_run`.
        folder: A new or empty folder.
        form: The format; savedmodel takes encoded photos, the others take tiles.
        int8: For litert: weights and activations are integers of 8 bits.
        most_compared: Test photos of the run whose answers are compared with those of Keras; 0 for none.

    Returns:
        How the exported model answers test photos of its run; None if none are there, or its runtime isn't installed.

    Raises:
        UserError: There is no such model, the folder is not empty, or the packages for this format are not installed.
    """
    check(folder, form, int8=int8)
    store, run = Store(root), find_run(root, name)
    model = models.of_run(store, run)
    with atomic_folder(folder) as partial:
        examples = some(store, run, "train", _MOST_EXAMPLES, _SUFFIXES) if int8 else []
        if int8 and not examples:
            raise UserError(f"--int8 needs train photos of run {run.id}, and they have been deleted; run it again")
        tiles_shape = _save(model, partial, form, examples)
        write_json(LABELS.path(partial), model.rule.names)
        write_json(partial / MODEL, described := _described(model, form, int8, tiles_shape))
        if form != "savedmodel":
            (partial / TILES).write_text(standalone.source(), encoding="utf-8")
        photos = some(store, run, "test", most_compared, _SUFFIXES)
        found = compare.compare(model, partial, form, photos) if photos else None
        if found:
            write_json(partial / COMPARISON, found.as_json())
        (partial / README).write_text(readme.text(described, folder.absolute().name, found), encoding="utf-8")
    return found


def _save(model: Model, folder: Path, form: Format, examples: list[bytes]) -> tuple[int | None, ...]:
    """Write the model's own files; returns the shape of its tiles, None for any number."""
    import numpy as np

    from tasks.inference.export import model as exports
    from tasks.inference.knn import References
    from tasks.networks.keras_io import load

    exports.check(form)
    classifier, encoder = load(model.classifier), load(model.encoder) if model.encoder else None
    references = References.read(model.references) if model.references else None
    if form != "savedmodel":
        classifier, encoder = exports.plain_layers(classifier), encoder and exports.plain_layers(encoder)
    network = exports.full_model(classifier, encoder, model.rule, references)
    path = folder / FILES[form]
    match form:
        case "savedmodel":
            exports.save_tensorflow(network, model.rule.names, model.preprocess, folder)
        case "onnx":
            exports.save_onnx(network, path)
        case "openvino":
            exports.save_openvino(network, path)
        case "litert":
            from tasks.inference.export.litert import save_litert

            tiles = np.stack([tile_of(photo, model.preprocess) for photo in examples]) if examples else None
            save_litert(network, path, tiles)
    return (1 if form == "litert" else None, *network.input_shape[1:])


def _described(model: Model, form: Format, int8: bool, tiles: tuple[int | None, ...]) -> dict[str, Any]:
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
        "numbers": "int8" if int8 else "float32",
        "input": photos if form == "savedmodel" else pixels,
        "outputs": ["probabilities", "label", "probability"] if form == "savedmodel" else ["probabilities"],
        "preprocess": model.preprocess.model_dump(mode="json"),
        "limits": asdict(model.limits),
    }
