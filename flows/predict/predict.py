"""What a trained classifier says of photos that it has never seen."""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from flows import preflight
from flows.predict.model import Model, find
from tasks.crawl.local_files import readable, require_columns
from tasks.crawl.sources.folder import EXTENSIONS
from tasks.inference.predictions import top_with_probabilities
from tasks.store.context import executor
from tasks.store.errors import UserError
from tasks.store.progress import Progress
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".json", ".parquet")
_BATCH_PHOTOS = 256
_STEM_BYTES = 200
_JPEG_SIDE_PX = 65_500
"""The longest side of a JPEG, px, as libjpeg has it."""


def listed(what: Path) -> list[tuple[str, Path]]:
    """Names and paths of the photos that a path stands for: a photo, a folder (at any depth), or a CSV's column Image.

    Files of a CSV are looked for beside it. Raises UserError if there is none.
    """
    if not what.exists():
        raise UserError(f"{what}: there is no such file or folder")
    if what.is_dir():
        below = (Path(folder, name) for folder, _, names in os.walk(what) for name in names if name[0] != ".")
        found = sorted(path for path in below if path.suffix.lower() in EXTENSIONS)
        photos = [(readable(path.relative_to(what).as_posix()), path) for path in found]
    elif what.suffix.lower() == ".csv":
        photos = [(name, what.parent / name) for name in _column(what)]
    else:
        photos = [(readable(what.name), what)]
    if not photos:
        raise UserError(f"{what} holds no photos ({' '.join(sorted(EXTENSIONS))})")
    return photos


def predict(
    model: Model,
    photos: Sequence[tuple[str, Path]],
    *,
    top_k: int,
    threads: Executor,
    progress: Progress,
    heat_maps: Path | None = None,
) -> "pd.DataFrame":
    """A row for each photo: image, class_1, probability_1 ... of the `top_k` likeliest classes, and error.

    A photo that can't be read has the reason in `error` and no classes. Where the model knows of an unknown, it is one
    of the classes, and column unknown says whether it is the likeliest. Photos are decoded on threads
    while the network computes, and turned into tiles as they were for training. heat_maps: a folder for a picture of
    each photo, as large as it is, with what spoke for its likeliest class; column heat_map names it, and is empty for a
    photo of more pixels a side than a JPEG can have.
    """
    import pandas as pd

    names = model.inference.names
    top_k = min(top_k, len(names))
    columns = [f"{what}_{place}" for place in range(1, top_k + 1) for what in ("class", "probability")]
    rows: list[dict[str, Any]] = []
    network = _Network(model)
    with progress("photos", total=len(photos)) as advance:
        for images, tiles, errors in _batches(model.preprocess, photos, threads):
            inputs = network.inputs(np.stack(tiles)) if tiles else None
            probabilities = np.zeros((0, len(names))) if inputs is None else network.probabilities(inputs)
            each = iter(_likeliest(probabilities, names, top_k))
            for image, error in zip(images, errors, strict=True):
                likely = [] if error else next(each)
                values = [value for pair in likely for value in pair]
                row = {"image": image, **dict(zip(columns, values, strict=False)), "error": error}
                if model.inference.unknown_label and likely:
                    row["unknown"] = likely[0][0] == model.inference.unknown_label
                rows.append(row)
            if heat_maps and inputs is not None:
                seen = [place for place, error in enumerate(errors) if not error]
                first = len(rows) - len(images)
                maps = network.heat_maps(inputs, probabilities)
                for place, heat in zip(seen, maps, strict=True):
                    path = heat_maps / _picture_name(first + place + 1, images[place])
                    if _draw(photos[first + place][1], heat, model.preprocess, path):
                        rows[first + place]["heat_map"] = str(path)
            advance(len(images))
    more = (["unknown"] if model.inference.unknown_label else []) + (["heat_map"] if heat_maps else [])
    return pd.DataFrame(rows, columns=["image", *columns, *more, "error"])


def predict_to(
    root: Path,
    what: Path,
    *,
    model: str | None,
    top_k: int,
    out: Path | None,
    submission: Path | None,
    heat_maps: Path | None,
    progress: Progress,
    announce: Callable[[str], None],
) -> "pd.DataFrame":
    """Find the model and the photos, predict, and write what is asked for; see `find`, `listed`, `predict`.

    root: the data folder. out: a .csv, .json or .parquet with a row for each photo. submission: a .csv in the whale
    challenge's format. announce: told, before it begins, how many photos which model will answer.
    """
    from tasks.inference import predictions

    for option, path, formats in (("--out", out, FORMATS), ("--submission", submission, (".csv",))):
        if path:
            _check_writable(option, path, formats)
    if heat_maps and heat_maps.exists() and not heat_maps.is_dir():
        raise UserError(f"--heat-maps {heat_maps}: that is a file; name a folder")
    chosen = find(Store(root), model)
    photos = listed(what)
    announce(f"{len(photos):,} {'photo' if len(photos) == 1 else 'photos'}, the model of run {chosen.run} ...")
    most = max(top_k, predictions.SUBMISSION_NAMES) if submission else top_k
    with preflight.in_use(root), executor(0) as threads:
        table = predict(chosen, photos, top_k=most, threads=threads, progress=progress, heat_maps=heat_maps)
    if submission:
        names = [column for column in table.columns if column.startswith("class_")]
        answered = [row.dropna().tolist() for _, row in table[names].iterrows()]
        _write(predictions.submission(table["image"], answered), submission)
        further = [f"{what}_{place}" for place in range(top_k + 1, most + 1) for what in ("class", "probability")]
        table = table.drop(columns=[column for column in further if column in table])
    if out:
        _write(table, out)
    return table


def _write(table: "pd.DataFrame", path: Path) -> None:
    """As CSV, JSON or Parquet, by the file's name; whole or not at all."""
    from tasks.store.atomic import atomic_path

    with atomic_path(path) as partial:
        match path.suffix:
            case ".csv":
                table.to_csv(partial, index=False, lineterminator="\n")
            case ".json":
                table.to_json(partial, orient="records", indent=1, force_ascii=False)
            case _:
                table.to_parquet(partial, index=False)


def _check_writable(option: str, path: Path, formats: Sequence[str]) -> None:
    """Refuse a file that can't be written to, before anything is computed."""
    if path.suffix not in formats:
        raise UserError(f"{option} {path}: its name must end in one of {', '.join(formats)}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{option} {path}: there is no such folder; make it first")


class _Network:
    """From tiles to probabilities."""

    def __init__(self, model: Model) -> None:
        from tasks.inference.knn import References
        from tasks.inference.network import TrainedClassifier
        from tasks.networks.keras_io import load

        self._encoder = load(model.encoder) if model.encoder else None
        self._answering = TrainedClassifier(model.classifier)
        self._references = References.read(model.references) if model.references else None
        self._inference = model.inference

    def inputs(self, tiles: NDArray[np.uint8]) -> NDArray[Any]:
        """Tiles `(n, side, side, c)`, or their codes, as the classifier takes them."""
        from tasks.networks.encode import encode

        return encode(self._encoder, tiles, max(2, len(tiles))) if self._encoder else tiles

    def probabilities(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Calibrated probabilities `(n, answers)`."""
        logits, features = self._answering(inputs)
        class_similarity = self._references.class_similarity(features, logits.shape[1]) if self._references else None
        return self._inference.probabilities(logits, class_similarity)

    def heat_maps(self, inputs: NDArray[Any], probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
        """What spoke for the likeliest class, also where the unknown is likelier: `(n, h', w')`, 0 or more."""
        return self._answering.heat_maps(inputs, probabilities[:, : len(self._inference.labels)].argmax(axis=1))


def _batches(
    config: PreprocessConfig, photos: Sequence[tuple[str, Path]], threads: Executor
) -> Iterator[tuple[list[str], list[NDArray[np.uint8]], list[str]]]:
    """Names, tiles of those that can be read, and errors (blank if none) of some photos at a time, one batch ahead."""
    from tasks.images.tiles import tile_of

    def tile(path: Path) -> NDArray[np.uint8] | str:
        try:
            return tile_of(path.read_bytes(), config)
        except OSError as error:
            return f"can't be read: {error.strerror}"
        except ValueError as error:
            return str(error)

    chunks = [photos[start : start + _BATCH_PHOTOS] for start in range(0, len(photos), _BATCH_PHOTOS)]
    ahead = [threads.submit(tile, path) for _, path in chunks[0]]
    for chunk, following in zip(chunks, [*chunks[1:], []], strict=True):
        made, ahead = ahead, [threads.submit(tile, path) for _, path in following]
        results = [future.result() for future in made]
        tiles = [result for result in results if not isinstance(result, str)]
        yield [name for name, _ in chunk], tiles, [result if isinstance(result, str) else "" for result in results]


def _picture_name(number: int, image: str) -> str:
    """The name of a photo's heat map; file systems take 255 bytes."""
    return f"{number:05d}-{Path(image).stem.encode()[:_STEM_BYTES].decode(errors='ignore')}.jpg"


def _draw(photo: Path, heat: NDArray[np.float32], config: PreprocessConfig, path: Path) -> bool:
    """Lay a heat map over a photo, and write that as a JPEG of the photo's own size; False if that is too large."""
    import cv2

    from tasks.images.heatmap import lay_over
    from tasks.images.photos import decode
    from tasks.images.tiles import spread
    from tasks.store.atomic import atomic_path

    pixels = decode(photo.read_bytes())
    if max(pixels.shape) > _JPEG_SIDE_PX:
        return False
    drawn = lay_over(pixels, spread(heat, pixels.shape[0], pixels.shape[1], config))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        partial.write_bytes(cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes())
    return True


def _likeliest(probabilities: NDArray[np.float64], names: Sequence[str], top_k: int) -> list[list[tuple[str, float]]]:
    """Of each photo the likeliest answers, with their probabilities; see `predictions.top_with_probabilities`."""
    return [
        [(names[i], float(p)) for i, p in zip(places, row, strict=True)]
        for places, row in zip(*top_with_probabilities(probabilities, top_k), strict=True)
    ]


def _column(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            require_columns(path, reader.fieldnames or (), ["Image"])
            return [row["Image"] for row in reader if row["Image"]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: can't be read as a CSV: {error}") from error
