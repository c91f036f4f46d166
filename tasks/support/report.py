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

from tasks.support import canvas, plots, thumbnails
from tasks.support.canvas import Drawing
from tasks.support.evidence import Evidence
from tasks.support.wording import (
    SPACE,
    calibrated,
    decimals,
    duration,
    headline,
    markdown,
    percent,
    priors,
    verdict,
    worst_classes,
)

_MANY = plots.MOST_NAMES
_THUMBNAIL_BYTES = 40_000
_PER_REASON = 6


def figures(evidence: Evidence) -> dict[str, Drawing]:
    """The report's figures, by the name of their file."""
    rows = evidence.metrics["per_class"]
    names = [row["label"] for row in rows]
    order = np.arange(len(rows))
    if len(rows) > _MANY:
        order = np.argsort([-row["train"] for row in rows], kind="stable")
    recall = np.array([np.nan if row["recall"] is None else row["recall"] for row in rows])
    counts = {split: [row[split] for row in rows] for split in ("train", "val", "test")}
    drawn = {
        "photos_per_class": plots.photos_per_class(counts, names),
        **dict(_curves(evidence.history, "")),
        "confusion": plots.confusion(evidence.matrix[np.ix_(order, order)], [names[i] for i in order]),
        "recall_per_class": plots.recall_per_class(recall, counts["test"], names),
    }
    if len(rows) > plots.MOST_NUMBERS and evidence.metrics["confusions"]:
        drawn["mistaken"] = plots.mistaken(evidence.matrix, names)
    if evidence.autoencoder:
        drawn |= dict(_curves(evidence.autoencoder["history"], "autoencoder_"))
        if len(evidence.autoencoder["originals"]):
            drawn["reconstructions"] = plots.reconstructions(
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
            yield f"{prefix}{name}", plots.curves(there, heading, best=best)


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
    right = test["predicted"] == test["label"]
    return environment.get_template("report.html.jinja").render(
        metrics=evidence.metrics,
        verdict=verdict(evidence.metrics),
        headline=list(headline(evidence.metrics)),
        calibration=calibrated(evidence.metrics),
        priors=priors(evidence.settings.get("train", {}), evidence.metrics),
        classes=worst_classes(evidence.metrics),
        many=_MANY,
        figures={name: Markup(canvas.svg(figure)) for name, figure in drawn.items()},
        is_wide=len(evidence.metrics["per_class"]) in range(23, _MANY + 1),
        funnel=funnel(evidence),
        searches=searches(evidence.crawled, evidence.kept),
        rejects=rejects(evidence),
        mistakes=_gallery(evidence, test[~right].sort_values(["probability", "photo"], ascending=[False, True])),
        successes=_gallery(evidence, by_turns(test[right])),
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


def by_turns(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the classes taking turns, each in the order of its photos' digests: as good as chance."""
    shuffled = rows.sort_values("photo")
    turn = shuffled.groupby("label").cumcount()
    return shuffled.assign(turn=turn).sort_values(["turn", "label", "photo"]).drop(columns="turn")


def _gallery(evidence: Evidence, rows: pd.DataFrame) -> list[dict[str, Any]]:
    shown = rows.head(evidence.gallery)
    if shown.empty:
        return []
    tiles = evidence.tiles[[evidence.positions[photo] for photo in shown["photo"]]]
    return [
        {"picture": thumbnails.of_pixels(tile)} | {str(key): value for key, value in row.items()}
        for tile, row in zip(tiles, shown.to_dict("records"), strict=True)
    ]


def summary(evidence: Evidence, drawn: Mapping[str, Drawing]) -> str:
    """The verdict, the headline and the worst classes as Markdown without HTML, for the dashboard."""
    first, *rest = (markdown(sentence) for sentence in verdict(evidence.metrics))
    lines = [f"**{first}** {' '.join(rest)}", ""]
    lines += ["| test split | value | 95 % interval | baseline | |", "|:--|--:|:-:|--:|:--|"]
    for scored in headline(evidence.metrics):
        cells = (scored[key] for key in ("title", "value", "interval", "baseline", "verdict"))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| worst classes | recall | precision | test photos |", "|:--|--:|--:|--:|"]
    for row in [row for row in worst_classes(evidence.metrics) if row["test"]][:5]:
        shares = ("–" if row[key] is None else percent(row[key], 0) for key in ("recall", "precision"))
        lines.append(f"| {' | '.join((markdown(canvas.shown(row['label'], 40)), *shares))} | {row['test']} |")
    pictures = (canvas.png(drawn["confusion"], dpi) for dpi in (80, 60, 45, 30))
    small = next(picture for picture in pictures if len(picture) < _THUMBNAIL_BYTES)
    lines += ["", f"![confusion matrix]({thumbnails.png_uri(small)})", ""]
    return "\n".join(lines)


def _counts(reasons: pd.Series) -> list[tuple[str, int]]:
    counted = reasons.value_counts()
    return sorted(((str(name), int(count)) for name, count in counted.items()), key=lambda row: (-row[1], row[0]))


def _spread(count: int, most: int) -> list[int]:
    """At most so many positions, evenly spread."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, most))})
