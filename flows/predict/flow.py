"""Predicting a folder of photos as a Prefect flow: on a schedule, or from the dashboard."""

import logging
from pathlib import Path

from prefect import flow

from flows import dashboard, preflight
from flows.predict import predict
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
    """Say what the photos of a folder show, as `fluke predict` does; returns how many could be read.

    Args:
        folder: A folder of photos, at any depth; or a photo, or a CSV with a column Image.
        out: The file for a row for each photo: .csv, .json or .parquet.
        model: A run or a preset; by default that of the last run that ended well.
        top_k: How many classes to name for a photo.
        submission: A .csv in the whale challenge's format, Image and Id with five names.
        heat_maps: A folder for each photo, coloured where its likeliest class shows.
    """
    root = data_root()
    preflight.check_writable(root)
    table = predict.predict_to(
        root,
        folder,
        model=model,
        top_k=top_k,
        out=out,
        submission=submission,
        heat_maps=heat_maps,
        progress=dashboard.progress,
        announce=logger.info,
    )
    dashboard.show_predictions(table, out)
    return int((table["error"] == "").sum())
