"""Draw all figures of the report."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from tasks.evaluate.report import charts, confusion, image_grids, style
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.unknown_groups import largest_groups


def figures(files: EvaluationFiles) -> dict[str, Figure]:
    """Draw the report's figures; the keys are the names of their files."""
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
        "confusion": confusion.confusion_matrix(files.confusion[np.ix_(order, order)], [names[i] for i in order]),
    }
    if len(rows) > style.MOST_NAMES:  # else the page's table of classes has the same bars
        drawn["recall_per_class"] = charts.recall_per_class(recall, counts["test"], names)
    if len(rows) > confusion.MOST_NUMBERS and files.metrics["confusions"]:
        drawn["mistaken"] = confusion.most_confused(files.confusion, names)
    if layers := files.explanations.layers:
        if image_grids.readable_layers(layers):
            drawn["activations"] = image_grids.activations(layers)
        drawn["responses"] = image_grids.responses(layers)
    if files.drift:
        drawn["drift"] = charts.drift(files.drift)
    if groups := largest_groups(files):
        drawn["unknown_groups"] = image_grids.groups(groups)
    if autoencoder := files.autoencoder:
        drawn |= dict(_curves(autoencoder.history, "autoencoder_"))
        if len(autoencoder.originals):
            drawn["reconstructions"] = image_grids.reconstructions(autoencoder.originals, autoencoder.copies)
            drawn["codes"] = image_grids.codes(autoencoder.originals, autoencoder.codes, autoencoder.dead)
    return drawn


def _curves(history: Mapping[str, Sequence[float]], prefix: str) -> Iterator[tuple[str, Figure]]:
    if not history:  # nothing was trained by gradient descent
        return
    monitored = history.get("val_loss") or history["loss"]  # the train stage keeps the epoch with the lowest value
    best = None if prefix else int(np.argmin(monitored))
    for name, heading in (("loss", "Loss"), ("accuracy", "Accuracy")):
        lines = {"train": history.get(name), "validation": history.get(f"val_{name}")}
        present = {line: values for line, values in lines.items() if values}
        if present:
            yield f"{prefix}{name}", charts.curves(present, heading, best=best)
