"""Predict the classes of new photos with a trained model."""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig, WorkersConfig
from flows import preflight
from flows.predict import outputs
from flows.predict.batches import decoded_batches
from flows.predict.captions import font_for, lines, true_classes
from flows.predict.model import Model, find
from flows.predict.photo_list import list_photos
from tasks.crawl.listing.files import read_file
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.inference.predictions import SUBMISSION_NAMES, submission, top_with_probabilities
from tasks.store import compiled
from tasks.store.atomic import atomic_folder, atomic_output
from tasks.store.context import executor
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL
from tasks.store.formulas import guard
from tasks.store.progress import Progress
from tasks.store.store import Store
from tasks.store.work import workers_of

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.predict")

FORMATS = (".csv", ".json", ".parquet")
_MAX_STEM_BYTES = 200
"""File systems allow names of 255 bytes."""
_MAX_JPEG_SIDE_PX = 65_000
"""Longest side of a photo: libjpeg can write 65,500 px, and the lines above need some."""
_MOST_DRAWN_PX, _BYTES_PER_DRAWN_PX = 64e6, 20
"""Pixels of the largest picture with a heat map, and the memory that drawing needs for each."""


@dataclass(frozen=True)
class PredictOptions:
    """What to predict, with which model, and which files to write."""

    photos: Path
    """A photo, a folder, or a CSV with a column Image."""
    model: str | None = None
    """A name of models, or a run, see `flows.models.find.find_run`; None: the only name."""
    top_k: int = 3
    """Number of classes per photo, 1 or more."""
    out: Path | None = None
    """A .csv, .json or .parquet file for one row per photo."""
    excel: bool = False
    """Whether `out`, a .csv file, begins with a byte order mark, see `write_table`."""
    submission: Path | None = None
    """A .csv file in the whale challenge's format: Image, and Id with five classes."""
    heat_maps: Path | None = None
    """A folder for one picture per photo: the photo with the heat map of its most likely class."""
    workers: str | None = None
    """The address of a Dask scheduler whose workers predict, see `docs/scaling.md`; None: this process."""

    def check(self) -> None:
        """Raise UserError if an output can't be written; call this before anything is computed."""
        for option, path, formats in (("--out", self.out, FORMATS), ("--submission", self.submission, (".csv",))):
            if path and path.suffix not in formats:
                raise UserError(f"{option} {path}: the file's name must end in one of {', '.join(formats)}")
            if path:
                outputs.check_file(option, path)
        if self.excel and (self.out is None or self.out.suffix != ".csv"):
            raise UserError("--excel is for a CSV; add --out FILE.csv, or leave --excel out")
        if self.workers:
            self.cluster()
        if self.heat_maps and self.workers:
            raise UserError("--heat-maps are drawn on this machine; leave out --heat-maps or --workers")
        if self.heat_maps:
            outputs.check_folder("--heat-maps", self.heat_maps)
        if self.heat_maps and self.heat_maps.is_dir():
            names = {path.name for path in self.heat_maps.iterdir() if not path.name.startswith(PARTIAL)}
            if names and HEAT_MAPS not in names:  # a later crawl would take the pictures for photos
                raise UserError(
                    f"--heat-maps {self.heat_maps}: the folder holds other files; name a new or an empty folder"
                )

    def cluster(self) -> WorkersConfig:
        """Return the settings of the workers; raises UserError if their address is none."""
        try:
            return WorkersConfig(kind="dask", address=self.workers)
        except ValueError as error:
            raise UserError(
                f"--workers {self.workers}: give the address of a Dask scheduler, such as tcp://10.0.0.5:8786"
            ) from error


def predict_to(
    root: Path, options: PredictOptions, *, progress: Progress, announce: Callable[[str], None]
) -> "pd.DataFrame":
    """Find the model and the photos, predict, and write the files that the options name.

    Args:
        root: The data folder.
        options: What to predict, and what to write.
        progress: Reports how many photos are done.
        announce: Receives lines before the prediction starts: how many photos, which model, and what unsure means.

    Returns:
        The table of `predict`.

    Raises:
        UserError: An option is invalid, or there is no such model.
    """
    options.check()
    compiled.keep_in(root)
    model = find(Store(root), options.model)
    listed = list_photos(options.photos)
    for note in listed.notes:
        logger.warning("%s", note)
    photos = listed.photos
    announce(f"{len(photos):,} {'photo' if len(photos) == 1 else 'photos'}, model of run {model.run} ...")
    for line in model.limits.lines():
        announce(line)
    top_k = max(options.top_k, SUBMISSION_NAMES) if options.submission else options.top_k
    with preflight.in_use(root), executor(0) as threads:
        if options.workers:
            from flows.predict.spread import predict_on

            with workers_of(options.cluster(), root, threads) as workers:
                table = predict_on(workers, model, photos, top_k=top_k, progress=progress)
        else:
            table = predict(
                model,
                photos,
                top_k=top_k,
                threads=threads,
                progress=progress,
                heat_maps=options.heat_maps,
                labels=listed.labels,
            )
    if options.submission:
        names = [column for column in table.columns if column.startswith("class_")]
        predicted = [row.dropna().tolist() for _, row in table[names].iterrows()]
        write_table(
            submission(table["image"], predicted), options.submission, guarded=False
        )  # Kaggle compares the names
        only_submitted = _rank_columns(options.top_k + 1, top_k)
        table = table.drop(columns=[column for column in only_submitted if column in table])
    if options.out:
        write_table(table, options.out, excel=options.excel)
    return table


def predict(
    model: Model,
    photos: Sequence[tuple[str, Path]],
    *,
    top_k: int,
    threads: Executor,
    progress: Progress,
    heat_maps: Path | None = None,
    labels: Mapping[str, str] | None = None,
    total: int | None = None,
) -> "pd.DataFrame":
    """Predict photos; threads decode the next batch into tiles, as in training, while the network computes.

    Args:
        model: The trained model.
        photos: Names and paths, see `list_photos`.
        top_k: Number of classes per photo; at most all classes.
        threads: Decode the photos.
        progress: Reports how many photos are done.
        heat_maps: A folder for one picture per photo: the photo, at most 64 megapixels, with its true class, the
            predicted one and its probability above, and a scale beside it. All appear in the folder at the end, or
            none.
        labels: True classes by the photo's name, where they are known; else those of the photos' folders count.
        total: How many photos are predicted in all, if these are a part of them; it decides how a network computes.

    Returns:
        One row per photo: image (its name), class_1, probability_1 ... class_k, probability_k (most likely first), and
        error. A photo that can't be read has the reason in error, and no classes. If the model can predict "unknown",
        that is one of the classes, and column unknown says whether it is the most likely. If the model has limits,
        column unsure says whether nobody should rely on the answer, and possible_classes lists the classes of which one
        is the true one, see `tasks.inference.limits`. With `heat_maps`, column heat_map contains the picture's path; it
        is missing if the photo is larger than a JPEG can be, or than memory.
    """
    import pandas as pd

    from tasks.inference.predictor import Predictor

    names, unknown_label = model.rule.names, model.rule.unknown_label
    top_k = min(top_k, len(names))
    columns = _rank_columns(1, top_k)
    rows: list[dict[str, Any]] = []
    true = true_classes(photos, labels or {}, names) if heat_maps else []
    batches = decoded_batches(model.preprocess, photos, threads)
    predictor = Predictor(model.classifier, model.encoder, model.references, model.rule, total or len(photos))
    with (
        progress("photos", total=len(photos)) as advance,
        atomic_folder(heat_maps) if heat_maps else nullcontext() as drawn,
    ):
        if drawn:
            (drawn / HEAT_MAPS).touch()  # a later crawl or prediction passes over this folder
        for images, tiles, errors in batches:
            inputs = predictor.inputs(np.stack(tiles)) if tiles else None
            probabilities = np.zeros((0, len(names))) if inputs is None else predictor.probabilities(inputs)
            predicted = iter(_top_classes(probabilities, names, top_k))
            certainties = iter(model.limits.certainties(probabilities, names))
            first = len(rows)
            for image, error in zip(images, errors, strict=True):
                top = [] if error else next(predicted)
                values = [value for pair in top for value in pair]
                row = {"image": image, **dict(zip(columns, values, strict=False)), "error": error}
                if not error:
                    row |= next(certainties)._asdict()
                    row["unknown"] = top[0][0] == unknown_label
                rows.append(row)
            if heat_maps and drawn and inputs is not None:
                decoded = [i for i, error in enumerate(errors) if not error]
                maps = predictor.heat_maps(inputs, probabilities)
                for i, heat_map in zip(decoded, maps, strict=True):
                    name = _picture_name(first + i + 1, images[i])
                    answer = rows[first + i]
                    above = lines(true[first + i], answer["class_1"], answer["probability_1"])
                    if _draw(photos[first + i][1], heat_map, model.preprocess, drawn / name, above):
                        rows[first + i]["heat_map"] = str(heat_maps / name)
            advance(len(images))
    optional = [*(["unknown"] if unknown_label else []), *model.limits.columns, *(["heat_map"] if heat_maps else [])]
    return pd.DataFrame(rows, columns=["image", *columns, *optional, "error"])


def _rank_columns(first: int, last: int) -> list[str]:
    return [f"{name}_{rank}" for rank in range(first, last + 1) for name in ("class", "probability")]


def write_table(table: "pd.DataFrame", path: Path, *, guarded: bool = True, excel: bool = False) -> None:
    """Write a table as CSV, JSON or Parquet, by the file's suffix; all of it or nothing. A CSV has lists as JSON.

    In a guarded CSV, no text is a formula for a spreadsheet, see `tasks.store.formulas`. With `excel`, a CSV begins
    with a byte order mark: Excel takes UTF-8 without one for another encoding.
    """
    with atomic_output(path) as partial:
        match path.suffix:
            case ".csv":
                table = table.map(
                    lambda value: json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
                )
                if guarded:
                    table = table.map(lambda value: guard(value) if isinstance(value, str) else value)
                table.to_csv(partial, index=False, lineterminator="\n", encoding="utf-8-sig" if excel else "utf-8")
            case ".json":
                table.to_json(partial, orient="records", indent=1, force_ascii=False)
            case _:
                table.to_parquet(partial, index=False)


def _picture_name(number: int, image: str) -> str:
    """Return the file name of a photo's heat map."""
    return f"{number:05d}-{Path(image).stem.encode()[:_MAX_STEM_BYTES].decode(errors='ignore')}.jpg"


def _draw(
    photo: Path, heat_map: NDArray[np.float32], config: PreprocessConfig, path: Path, above: Sequence[str] = ()
) -> bool:
    """Write a photo with its heat map `(h', w')` as a JPEG; the photo has its own size, at most _MOST_DRAWN_PX pixels.

    Some lines are written above it, and a scale is drawn beside it.

    Returns:
        False if it is too large for a JPEG or for the memory, or if the photo has vanished or changed since its answer.
    """
    from tasks.images import photos
    from tasks.images.memory import PhotoTooLargeError

    try:
        data = read_file(photo)
        size = photos.size_px(data)
    except (OSError, ValueError):
        return False
    if max(size) > _MAX_JPEG_SIDE_PX:
        return False
    scale = min(1.0, (_MOST_DRAWN_PX / math.prod(size)) ** 0.5)

    def jpeg(pixels: NDArray[np.uint8]) -> bytes:
        import cv2

        from tasks.images.caption import caption
        from tasks.images.heatmap import colours, draw_heat_map
        from tasks.images.tiles import map_to_photo

        if scale < 1:
            pixels = photos.shrink(pixels, int(scale * max(size)))
        drawn = draw_heat_map(pixels, map_to_photo(heat_map, pixels.shape[0], pixels.shape[1], config))
        if above:
            drawn = caption(drawn, [(line, font_for(line)) for line in above], colours(), plain=font_for("high"))
        return cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes()

    try:
        encoded = photos.decode_to(
            jpeg,
            data,
            at_least_px=int(scale * min(size)) if scale < 1 else None,
            more_bytes=int(_BYTES_PER_DRAWN_PX * min(_MOST_DRAWN_PX, math.prod(size))),
        )
    except (ValueError, PhotoTooLargeError):
        return False
    path.write_bytes(encoded)
    return True


def _top_classes(probabilities: NDArray[np.float64], names: Sequence[str], top_k: int) -> list[list[tuple[str, float]]]:
    """Return the most likely classes of each photo with their probabilities, most likely first."""
    return [
        [(names[i], float(p)) for i, p in zip(classes, row, strict=True)]
        for classes, row in zip(*top_with_probabilities(probabilities, top_k), strict=True)
    ]
