"""Prediction of a folder of photos as a Prefect flow: on a schedule, or from the dashboard."""

import logging
from pathlib import Path

from prefect import flow

from flows import preflight
from flows.dashboard import stages
from flows.dashboard.engine import attached
from flows.predict.options import PredictOptions
from flows.predict.predict import predict_to
from flows.run_records import data_root

logger = logging.getLogger("fluke.predict")


@flow(name="predict", flow_run_name="predict: {folder}", persist_result=False)
def predict_folder(
    folder: Path,
    *,
    out: Path,
    model: str | None = None,
    top_k: int = 3,
    submission: Path | None = None,
    heat_maps: Path | None = None,
) -> int:
    """Predict the classes of the photos in a folder, like `fluke predict`.

    Args:
        folder: A folder of photos, including subfolders; or a photo, or a CSV with a column Image.
        out: The .csv, .json or .parquet file for one row per photo.
        model: A name of models (the one that is used), or a run; by default the only name.
        top_k: Number of classes per photo.
        submission: A .csv in the whale challenge's format: Image, and Id with five classes.
        heat_maps: A folder for one picture per photo: the photo with the heat map of its most likely class.

    Returns:
        The number of photos that could be read.
    """
    root = data_root()
    preflight.check_writable(root)
    options = PredictOptions(folder, model=model, top_k=top_k, out=out, submission=submission, heat_maps=heat_maps)
    with attached():
        table = predict_to(root, options, progress=stages.progress, announce=logger.info)
        stages.show_predictions(table, out)
    return int((table["error"] == "").sum())
