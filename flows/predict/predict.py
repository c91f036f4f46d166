"""Predict the classes of new photos with a trained model."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flows import preflight
from flows.predict.batches import decoded_batches
from flows.predict.captions import lines, true_classes
from flows.predict.model import Model, find
from flows.predict.options import PredictOptions
from flows.predict.photo_list import list_photos
from flows.predict.pictures import draw, picture_name
from flows.predict.table_file import write_table
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.inference.predictions import SUBMISSION_NAMES, submission, top_with_probabilities
from tasks.store import compiled
from tasks.store.atomic import atomic_folder
from tasks.store.context import executor
from tasks.store.progress import Progress
from tasks.store.store import Store
from tasks.store.work import workers_of

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.predict")


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
            decoded = [i for i, error in enumerate(errors, len(rows)) if not error]
            rows += _rows(model, images, errors, probabilities, top_k)
            if heat_maps and drawn and inputs is not None:
                for i, heat_map in zip(decoded, predictor.heat_maps(inputs, probabilities), strict=True):
                    name = picture_name(i + 1, rows[i]["image"])
                    above = lines(true[i], rows[i]["class_1"], rows[i]["probability_1"])
                    if draw(photos[i][1], heat_map, model.preprocess, drawn / name, above):
                        rows[i]["heat_map"] = str(heat_maps / name)
            advance(len(images))
    optional = [*(["unknown"] if unknown_label else []), *model.limits.columns, *(["heat_map"] if heat_maps else [])]
    return pd.DataFrame(rows, columns=["image", *_rank_columns(1, top_k), *optional, "error"])


def _rows(
    model: Model, images: Sequence[str], errors: Sequence[str], probabilities: NDArray[np.float64], top_k: int
) -> Iterator[dict[str, Any]]:
    """Yield the row of each photo of a batch; only photos without an error have probabilities, in the same order."""
    names = model.rule.names
    predicted = iter(_top_classes(probabilities, names, top_k))
    certainties = iter(model.limits.certainties(probabilities, names))
    for image, error in zip(images, errors, strict=True):
        row: dict[str, Any] = {"image": image, "error": error}
        if not error:
            top = next(predicted)
            row |= dict(zip(_rank_columns(1, top_k), [value for pair in top for value in pair], strict=True))
            row |= next(certainties)._asdict() | {"unknown": top[0][0] == model.rule.unknown_label}
        yield row


def _rank_columns(first: int, last: int) -> list[str]:
    return [f"{name}_{rank}" for rank in range(first, last + 1) for name in ("class", "probability")]


def _top_classes(probabilities: NDArray[np.float64], names: Sequence[str], top_k: int) -> list[list[tuple[str, float]]]:
    """Return the most likely classes of each photo with their probabilities, most likely first."""
    return [
        [(names[i], float(p)) for i, p in zip(classes, row, strict=True)]
        for classes, row in zip(*top_with_probabilities(probabilities, top_k), strict=True)
    ]
