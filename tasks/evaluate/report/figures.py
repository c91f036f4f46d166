"""All figures of the report, by name."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tasks.evaluate.report import charts, confusion, image_grids, style
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.style import Drawing


def figures(files: EvaluationFiles) -> dict[str, Drawing]:
    """The report's figures, by the name of their file."""
    rows = files.metrics["per_class"]
    names = files.class_names
    order = np.arange(len(rows))
    if len(rows) > style.MOST_NAMES:
        order = np.argsort([-row["train"] for row in rows], kind="stable")
    recall = np.array([np.nan if row["recall"] is None else row["recall"] for row in rows])
    counts = {split: [row[split] for row in rows] for split in ("train", "val", "test")}
    test, right = files.test, (files.test["predicted"] == files.test["label"]).to_numpy()
    drawn = {
        "photos_per_class": charts.photos_per_class(counts, names),
        **dict(_curves(files.history, "")),
        "reliability": charts.reliability(test["probability"].to_numpy(), right, files.uncalibrated),
        "confusion": confusion.confusion(files.confusion[np.ix_(order, order)], [names[i] for i in order]),
        "recall_per_class": charts.recall_per_class(recall, counts["test"], names),
    }
    if len(rows) > confusion.MOST_NUMBERS and files.metrics["confusions"]:
        drawn["mistaken"] = confusion.mistaken(files.confusion, names)
    if layers := files.explanations.layers:
        drawn["activations"] = image_grids.activations(layers)
        drawn["responses"] = image_grids.responses(layers)
    if autoencoder := files.autoencoder:
        drawn |= dict(_curves(autoencoder.history, "autoencoder_"))
        if len(autoencoder.originals):
            drawn["reconstructions"] = image_grids.reconstructions(autoencoder.originals, autoencoder.reconstructions)
    return drawn


def _curves(history: Mapping[str, Sequence[float]], prefix: str) -> Iterator[tuple[str, Drawing]]:
    monitored = history.get("val_loss") or history["loss"]  # as in train
    best = None if prefix else int(np.argmin(monitored))
    for name, heading in (("loss", "Loss"), ("accuracy", "Accuracy")):
        lines = {"train": history.get(name), "validation": history.get(f"val_{name}")}
        there = {line: values for line, values in lines.items() if values}
        if there:
            yield f"{prefix}{name}", charts.curves(there, heading, best=best)
