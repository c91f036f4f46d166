"""What a trained classifier says of photos that it has never seen."""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from flows.records import RunRecord, read_records
from tasks.sources.folder import EXTENSIONS
from tasks.support.crawling.local import require_columns
from tasks.support.errors import UserError
from tasks.support.manifest import Manifest
from tasks.support.progress import Progress
from tasks.support.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from tasks.networks.explain import Explainer

FORMATS = (".csv", ".json", ".parquet")
_BATCH_PHOTOS = 256
_OPACITY = 0.7
"""Of the hottest part of a heat map."""


@dataclass(frozen=True)
class Model:
    """A classifier, and all that turns a photo into what it takes."""

    run: str
    labels: tuple[str, ...]
    classifier: Path
    preprocess: PreprocessConfig
    encoder: Path | None
    """The autoencoder's first half, if the classifier was trained on its features."""
    temperature: float
    """See `calibration.temperature`."""


def find(store: Store, name: str | None = None) -> Model:
    """The model of the newest run that ended well; with a name, of that run, or of the newest of that preset.

    Raises UserError if there is none, or if it has been deleted.
    """
    whole = [run for run in read_records(store.root) if run.state == "done" and run.until == "evaluate"]
    named = [run for run in whole if name in (None, run.id, run.preset)]
    if not named:
        known = ", ".join(dict.fromkeys(run.preset for run in whole))
        missing = (
            f"no run that ended well is called {name!r}; there are those of {known}" if known else "no run has ended"
        )
        raise UserError(f"{store.root}: {missing}; `fluke run PRESET` makes a model")
    return _model(store, named[0])


def _model(store: Store, run: RunRecord) -> Model:
    folders = {stage.artifact.stage: store.folder(stage.artifact) for stage in run.stages}
    try:
        manifests = {stage: Manifest.read(folder) for stage, folder in folders.items()}
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"the model of run {run.id} is not there any more ({error}); run {run.preset} again") from error
    measured = json.loads((folders["evaluate"] / "metrics.json").read_bytes())
    return Model(
        run=run.id,
        labels=tuple(json.loads((folders["train"] / "labels.json").read_text(encoding="utf-8"))),
        classifier=folders["train"] / "classifier.keras",
        preprocess=PreprocessConfig.model_validate(manifests["preprocess"].recipe.config),
        encoder=folders["pretrain"] / "encoder.keras" if "pretrain" in folders else None,
        temperature=measured.get("calibration", {}).get("temperature", 1),  # evaluations of before have none
    )


def listed(what: Path) -> list[tuple[str, Path]]:
    """Names and paths of the photos that a path stands for: a photo, a folder (at any depth), or a CSV's column Image.

    Files of a CSV are looked for beside it. Raises UserError if there is none.
    """
    if not what.exists():
        raise UserError(f"{what}: there is no such file or folder")
    if what.is_dir():
        below = (Path(folder, name) for folder, _, names in os.walk(what) for name in names if name[0] != ".")
        found = sorted(path for path in below if path.suffix.lower() in EXTENSIONS)
        photos = [(path.relative_to(what).as_posix(), path) for path in found]
    elif what.suffix.lower() == ".csv":
        photos = [(name, what.parent / name) for name in _column(what)]
    else:
        photos = [(what.name, what)]
    if not photos:
        raise UserError(f"{what} holds no photos ({' '.join(sorted(EXTENSIONS))})")
    return photos


def predict(
    model: Model,
    photos: Sequence[tuple[str, Path]],
    *,
    top_k: int,
    executor: Executor,
    progress: Progress,
    heat_maps: Path | None = None,
) -> "pd.DataFrame":
    """A row for each photo: image, class_1, probability_1 ... of the `top_k` likeliest classes, and error.

    A photo that can't be read has the reason in `error` and no classes. Photos are decoded on the executor's threads
    while the network computes, and turned into tiles as they were for training. heat_maps: a folder for a picture of
    each photo, as large as it is, with what spoke for its likeliest class; column heat_map names it.
    """
    import pandas as pd

    top_k = min(top_k, len(model.labels))
    columns = [f"{what}_{place}" for place in range(1, top_k + 1) for what in ("class", "probability")]
    rows: list[dict[str, Any]] = []
    network = _Network(model)
    with progress("photos", total=len(photos)) as advance:
        for names, tiles, errors in _batches(model.preprocess, photos, executor):
            inputs = network.inputs(np.stack(tiles)) if tiles else None
            none = np.zeros((0, len(model.labels)))
            probabilities = none if inputs is None else network.probabilities(inputs)
            each = iter(probabilities)
            for name, error in zip(names, errors, strict=True):
                likely = [] if error else _likeliest(next(each), model.labels, top_k)
                values = [value for pair in likely for value in pair]
                rows.append({"image": name, **dict(zip(columns, values, strict=False)), "error": error})
            if heat_maps and inputs is not None:
                seen = [place for place, error in enumerate(errors) if not error]
                first = len(rows) - len(names)
                maps = network.heat_maps(inputs, np.argmax(probabilities, axis=1))
                for place, heat in zip(seen, maps, strict=True):
                    path = heat_maps / f"{first + place + 1:05d}-{Path(names[place]).stem}.jpg"
                    _draw(photos[first + place][1], heat, model.preprocess, path)
                    rows[first + place]["heat_map"] = str(path)
            advance(len(names))
    return pd.DataFrame(rows, columns=["image", *columns, "error", *(["heat_map"] if heat_maps else [])])


def write(table: "pd.DataFrame", path: Path) -> None:
    """Write predictions as CSV, JSON or Parquet, by the file's name; whole or not at all."""
    from tasks.support.files import whole

    with whole(path) as partial:
        match path.suffix:
            case ".csv":
                table.to_csv(partial, index=False, lineterminator="\n")
            case ".json":
                table.to_json(partial, orient="records", indent=1, force_ascii=False)
            case _:
                table.to_parquet(partial, index=False)


def check_writable(path: Path) -> None:
    """Refuse a file that predictions can't be written to, before any are made."""
    if path.suffix not in FORMATS:
        raise UserError(f"--out {path}: its name must end in one of {', '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"--out {path}: there is no such folder; make it first")


class _Network:
    """From tiles to probabilities."""

    def __init__(self, model: Model) -> None:
        from tasks.networks.training import load

        self._encoder = load(model.encoder) if model.encoder else None
        self._classifier = load(model.classifier)
        self._temperature = model.temperature
        self._explainer: Explainer | None = None

    def probabilities(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Calibrated probabilities `(n, classes)`."""
        from tasks.support.metrics import softmax

        return softmax(np.asarray(self._classifier.predict_on_batch(inputs)) / self._temperature)

    def heat_maps(self, inputs: NDArray[Any], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """What speaks for classes `(n,)`: `(n, h', w')`, 0 or more."""
        from tasks.networks.explain import Explainer

        if self._explainer is None:
            self._explainer = Explainer(self._classifier)
        return self._explainer(inputs, classes)

    def inputs(self, tiles: NDArray[np.uint8]) -> NDArray[Any]:
        """Tiles `(n, side, side, c)`, or their features, as the classifier takes them."""
        from tasks.extract import encode

        inputs = encode(self._encoder, tiles, max(2, len(tiles))) if self._encoder else tiles
        return inputs.astype(self._classifier.inputs[0].dtype, copy=False)


def _batches(
    config: PreprocessConfig, photos: Sequence[tuple[str, Path]], executor: Executor
) -> Iterator[tuple[list[str], list[NDArray[np.uint8]], list[str]]]:
    """Names, tiles of those that can be read, and errors (blank if none) of some photos at a time, one batch ahead."""
    from tasks.preprocess import tile_of

    def tile(path: Path) -> NDArray[np.uint8] | str:
        try:
            return tile_of(path.read_bytes(), config)
        except OSError as error:
            return f"can't be read: {error.strerror}"
        except ValueError as error:
            return str(error)

    chunks = [photos[start : start + _BATCH_PHOTOS] for start in range(0, len(photos), _BATCH_PHOTOS)]
    ahead = [executor.submit(tile, path) for _, path in chunks[0]]
    for chunk, following in zip(chunks, [*chunks[1:], []], strict=True):
        made, ahead = ahead, [executor.submit(tile, path) for _, path in following]
        results = [future.result() for future in made]
        tiles = [result for result in results if not isinstance(result, str)]
        yield [name for name, _ in chunk], tiles, [result if isinstance(result, str) else "" for result in results]


def _draw(photo: Path, heat: NDArray[np.float32], config: PreprocessConfig, path: Path) -> None:
    """Lay a heat map over a photo, and write that as a JPEG of the photo's own size."""
    import cv2

    from tasks.preprocess import spread
    from tasks.support.files import whole
    from tasks.support.photos import decode

    pixels = decode(photo.read_bytes())
    over = spread(heat, pixels.shape[0], pixels.shape[1], config)
    share = (over / max(float(over.max()), 1e-9))[..., None]
    colours = cv2.cvtColor(cv2.applyColorMap(np.uint8(255 * share[..., 0]), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    opacity = _OPACITY * share
    drawn = np.asarray((1 - opacity) * pixels + opacity * colours, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        partial.write_bytes(cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes())


def _likeliest(probabilities: NDArray[np.float64], labels: Sequence[str], top_k: int) -> list[tuple[str, float]]:
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return [(labels[i], round(float(probabilities[i]), 6)) for i in order]


def _column(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            require_columns(path, reader.fieldnames or (), ["Image"])
            return [row["Image"] for row in reader if row["Image"]]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read as a CSV: {error}") from error
