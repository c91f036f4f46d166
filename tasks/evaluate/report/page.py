"""The report: one page that needs nothing else, and a short summary for the dashboard.

What it says depends on the artifacts alone, so the same night reported twice gives the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from tasks.evaluate.report import charts, confusion, image_grids, samples, style
from tasks.evaluate.report.data import Evidence
from tasks.evaluate.report.style import Drawing
from tasks.evaluate.report.text import (
    OTHERS,
    calibrated,
    decimals,
    headline,
    priors,
    seen_often,
    subject,
    verdict,
    worst_classes,
)
from tasks.images import thumbnails
from tasks.images.heatmap import lay_over
from tasks.inference.arrays import NO_ANSWER
from tasks.text import SPACE, duration, markdown, percent

_MANY = style.MOST_NAMES
_THUMBNAIL_BYTES = 40_000
_PER_REASON = 6
_NEAR_PX = 64
"""Side of the train photos that are shown beside a mistake."""


def figures(evidence: Evidence) -> dict[str, Drawing]:
    """The report's figures, by the name of their file."""
    rows = evidence.metrics["per_class"]
    names = [row["label"] for row in rows]
    order = np.arange(len(rows))
    if len(rows) > _MANY:
        order = np.argsort([-row["train"] for row in rows], kind="stable")
    recall = np.array([np.nan if row["recall"] is None else row["recall"] for row in rows])
    counts = {split: [row[split] for row in rows] for split in ("train", "val", "test")}
    test = evidence.predictions[evidence.predictions["split"] == "test"]
    right = (test["predicted"] == test["label"]).to_numpy()
    drawn = {
        "photos_per_class": charts.photos_per_class(counts, names),
        **dict(_curves(evidence.history, "")),
        "reliability": charts.reliability(test["probability"].to_numpy(), right, evidence.uncalibrated),
        "confusion": confusion.confusion(evidence.matrix[np.ix_(order, order)], [names[i] for i in order]),
        "recall_per_class": charts.recall_per_class(recall, counts["test"], names),
    }
    if len(rows) > confusion.MOST_NUMBERS and evidence.metrics["confusions"]:
        drawn["mistaken"] = confusion.mistaken(evidence.matrix, names)
    if evidence.insight:
        drawn["activations"] = image_grids.activations(evidence.insight)
        drawn["responses"] = image_grids.responses(evidence.insight)
    if evidence.autoencoder:
        drawn |= dict(_curves(evidence.autoencoder["history"], "autoencoder_"))
        if len(evidence.autoencoder["originals"]):
            drawn["reconstructions"] = image_grids.reconstructions(
                evidence.autoencoder["originals"], evidence.autoencoder["reconstructions"]
            )
    return drawn


def _curves(history: Mapping[str, Sequence[float]], prefix: str) -> Iterator[tuple[str, Drawing]]:
    monitored = history.get("val_loss") or history["loss"]  # as in train
    best = None if prefix else int(np.argmin(monitored))
    for name, heading in (("loss", "Loss"), ("accuracy", "Accuracy")):
        lines = {"train": history.get(name), "validation": history.get(f"val_{name}")}
        there = {line: values for line, values in lines.items() if values}
        if there:
            yield f"{prefix}{name}", charts.curves(there, heading, best=best)


def page(evidence: Evidence, drawn: Mapping[str, Drawing]) -> str:
    """The report as HTML: no scripts, nothing from elsewhere, every text escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "decimals": decimals, "duration": duration}
    test = evidence.predictions[evidence.predictions["split"] == "test"]
    right, champion = test["predicted"] == test["label"], evidence.metrics.get("champion")
    return environment.get_template("page.html.jinja").render(
        metrics=evidence.metrics,
        subject=subject(evidence.settings, evidence.metrics),
        verdict=verdict(evidence.metrics),
        headline=list(headline(evidence.metrics)),
        others=[OTHERS[name] for name in evidence.metrics["test"]["scores"]["accuracy"]["against"]],
        champion=list(headline(evidence.metrics, champion["scores"])) if champion else [],
        seen_often=seen_often(evidence.metrics),
        calibration=calibrated(evidence.metrics),
        priors=priors(evidence.settings.get("train", {}), evidence.metrics),
        classes=worst_classes(evidence.metrics),
        many=_MANY,
        no_answer=NO_ANSWER,
        figures={name: Markup(style.svg(figure)) for name, figure in drawn.items()},
        is_wide=len(evidence.metrics["per_class"]) in range(23, _MANY + 1),
        funnel=funnel(evidence),
        searches=searches(evidence.crawled, evidence.kept),
        rejects=rejects(evidence),
        mistakes=_gallery(evidence, samples.mistakes(test, evidence.gallery)),
        successes=_gallery(evidence, samples.successes(test, evidence.gallery)),
        has_heat=bool(evidence.heat_maps),
        wrong=int((~right).sum()),
        autoencoder={key: evidence.autoencoder[key] for key in ("error", "photos") if evidence.autoencoder},
        lineage=evidence.lineage,
        settings=yaml.safe_dump(
            {name: dict(section) for name, section in evidence.settings.items()},
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
        ),
    )


def funnel(evidence: Evidence) -> list[tuple[str, int, float]]:
    """Steps from the photos found to the photos kept: (name, photos, share of the found ones in 0..1)."""
    found = len(evidence.crawled)
    steps = [("found", found), *_counts(evidence.rejected["reason"]), ("kept", len(evidence.kept))]
    return [(name, count, min(1.0, count / max(1, found))) for name, count in steps]


def searches(crawled: pd.DataFrame, kept: pd.DataFrame) -> list[tuple[str, str, int, int]]:
    """What each engine and keyword brought: (engine, keyword, photos found, photos kept), the most first."""
    told = crawled.fillna({"engine": "", "keyword": ""})
    told = told.assign(kept=told["photo"].isin(set(kept["photo"])))
    rows = [
        (
            str(engine),
            str(keyword),
            int(group["photo"].nunique()),
            int(group[group["kept"]]["photo"].nunique()),
        )
        for (engine, keyword), group in told.groupby(["engine", "keyword"])
        if engine or keyword
    ]
    return sorted(rows, key=lambda row: (-row[2], row))


def rejects(evidence: Evidence) -> list[dict[str, Any]]:
    """Some photos rejected for each reason, each beside the one that it is too similar to, if any."""
    files = dict(zip(evidence.kept["photo"], evidence.kept["file"], strict=True))
    files |= dict(zip(evidence.rejected["photo"], evidence.rejected["file"], strict=True))
    groups = []
    for reason, count in _counts(evidence.rejected["reason"]):
        rows = evidence.rejected[evidence.rejected["reason"] == reason]
        examples = []
        for row in rows.iloc[_spread(len(rows), _PER_REASON)].itertuples():
            pictures = [thumbnails.of_file(evidence.root / str(row.file))]
            if row.twin in files:
                pictures.append(thumbnails.of_file(evidence.root / files[row.twin]))
            examples.append({"pictures": pictures, "label": row.label, "name": row.name, "why": _why(row)})
        groups.append({"reason": reason, "count": count, "examples": examples})
    return groups


def _why(row: Any) -> str:
    if row.reason == "too small":
        return f"{row.score:g}{SPACE}px"
    return f"{row.score:g} of 256 bits differ" if row.reason in ("near duplicate", "two classes") else ""


def _gallery(evidence: Evidence, shown: pd.DataFrame) -> list[dict[str, Any]]:
    """Each photo as the network saw it, with and without what spoke for its answer, and the train photos like it."""
    items = []
    for row in shown.to_dict("records"):
        photo = str(row["photo"])
        tile, heat = _tile(evidence, photo), evidence.heat_maps.get(photo)
        pictures = [thumbnails.of_pixels(tile)]
        if heat is not None and heat.any():
            pictures.append(thumbnails.of_pixels(lay_over(tile, heat)))
        near = [
            {"picture": thumbnails.of_pixels(_tile(evidence, other), _NEAR_PX), "label": label, "alike": alike}
            for other, label, alike in evidence.neighbours.get(photo, ())
        ]
        items.append({"pictures": pictures, "near": near} | {str(key): value for key, value in row.items()})
    return items


def _tile(evidence: Evidence, photo: str) -> NDArray[np.uint8]:
    tile: NDArray[np.uint8] = evidence.tiles[[evidence.positions[photo]]][0]
    return tile


def summary(evidence: Evidence, drawn: Mapping[str, Drawing]) -> str:
    """The verdict, the headline and the worst classes as Markdown without HTML, for the dashboard."""
    first, *rest = (markdown(sentence) for sentence in verdict(evidence.metrics))
    lines = [f"**{first}** {' '.join(rest)}", ""]
    others = [OTHERS[name] for name in evidence.metrics["test"]["scores"]["accuracy"]["against"]]
    lines += [f"| test split | value | 95 % interval | {' | '.join(others)} |", f"|:--|--:|:-:|{'--:|' * len(others)}"]
    for scored in headline(evidence.metrics):
        against = [f"{other['value']} ({other['outcome']})" for other in scored["others"]]
        lines.append(f"| {' | '.join([scored['title'], scored['value'], scored['interval'], *against])} |")
    lines += ["", "| worst classes | recall | precision | test photos |", "|:--|--:|--:|--:|"]
    for row in [row for row in worst_classes(evidence.metrics) if row["test"]][:5]:
        shares = ("–" if row[key] is None else percent(row[key], 0) for key in ("recall", "precision"))
        lines.append(f"| {' | '.join((markdown(style.shown(row['label'], 40)), *shares))} | {row['test']} |")
    pictures = (style.png(drawn["confusion"], dpi) for dpi in (80, 60, 45, 30))
    small = next(picture for picture in pictures if len(picture) < _THUMBNAIL_BYTES)
    lines += ["", f"![confusion matrix]({thumbnails.png_uri(small)})", ""]
    return "\n".join(lines)


def _counts(reasons: pd.Series) -> list[tuple[str, int]]:
    counted = reasons.value_counts()
    return sorted(((str(name), int(count)) for name, count in counted.items()), key=lambda row: (-row[1], row[0]))


def _spread(count: int, most: int) -> list[int]:
    """At most so many positions, evenly spread."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, most))})
