"""The report as a single HTML page without external files, and a short summary for the dashboard.

Both depend only on files, so the same evaluation always gives the same bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from markupsafe import Markup
from matplotlib.figure import Figure

from tasks.evaluate import samples
from tasks.evaluate.names import BASELINES, SCORES, baselines_of, shows_map
from tasks.evaluate.report import style
from tasks.evaluate.report.conclusion import conclusion, uncalibrated_sentence
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.diagnostics import (
    abstaining,
    learning_curve,
    robustness_rows,
    sets_sentences,
    slice_rows,
    slices_sentence,
)
from tasks.evaluate.report.doubted import doubted_gallery
from tasks.evaluate.report.heading import heading
from tasks.evaluate.report.photo_map import photo_map
from tasks.evaluate.report.recipe import recipe_rows
from tasks.evaluate.report.removed import removed_counts, removed_scores, removed_sentence
from tasks.evaluate.report.text import (
    by_class_frequency,
    calibration_sentence,
    decimals,
    given_split,
    ordinal,
    priors,
    score_rows,
    subject,
    worst_classes,
)
from tasks.evaluate.report.unknown_groups import unknown_groups_text
from tasks.evaluate.verdicts import LEAST_GROUPS
from tasks.images import thumbnails
from tasks.images.heatmap import draw_heat_map
from tasks.inference.arrays import NO_ANSWER
from tasks.templates import template
from tasks.text import SPACE, duration, markdown, number_text, percent

_MANY = style.MOST_NAMES
_THUMBNAIL_BYTES = 40_000
"""Maximum size of the confusion matrix in the summary."""
_PER_REASON = 6
"""Maximum number of rejected photos that are shown for each reason."""
_NEAR_PX = 64
"""Side of the train photos that are shown with a mistake."""


def html(files: EvaluationFiles, drawn: Mapping[str, Figure]) -> str:
    """Write the report as HTML, without scripts and external files; all text is escaped.

    Args:
        files: The files of the evaluation.
        drawn: The figures, by name.
    """
    filters: dict[str, Callable[..., str]] = {
        "decimals": decimals,
        "duration": duration,
        "ordinal": ordinal,
        "number_text": number_text,
    }
    test, champion = files.test, files.metrics.get("champion")
    gallery = files.view_settings["gallery"]
    return template(Path(__file__).with_name("page.html.jinja"), filters).render(
        metrics=files.metrics,
        heading=heading(files),
        subject=subject(files.settings, files.metrics),
        given_split=given_split(files.crawled["given_split"]) if "given_split" in files.crawled else "",
        conclusion=_sentences(files),
        scores=list(score_rows(files.metrics)),
        removed_scores=removed_scores(files.metrics),
        removed_counts=removed_counts(files.metrics),
        to_review=files.to_review,
        doubted=doubted_gallery(files, gallery),
        baselines=_baselines(files),
        against=baselines_of(files.metrics["test"]["scores"][files.metrics["headline"]]),
        least_groups=LEAST_GROUPS,
        champion=list(score_rows(files.metrics, champion["scores"])) if champion else [],
        by_class_frequency=by_class_frequency(files.metrics),
        shows_map=shows_map(files.metrics),
        calibration=calibration_sentence(files.metrics) or " ".join(uncalibrated_sentence(files.metrics)),
        recipe_rows=recipe_rows(files.metrics),
        score_names={name: title for name, (title, _) in SCORES.items()},
        priors=priors(files.settings.get("train", {}), files.metrics),
        classes=worst_classes(files.metrics),
        many=_MANY,
        no_answer=NO_ANSWER,
        figures={name: Markup(style.svg(figure)) for name, figure in drawn.items()},
        is_wide=len(files.metrics["per_class"]) in range(23, _MANY + 1),
        before_training=files.before_training,
        drift=files.drift,
        notes=files.notes,
        funnel=funnel(files),
        searches=searches(files.crawled, files.kept),
        rejects=rejects(files),
        unknown_groups=unknown_groups_text(files.metrics),
        mistakes=_gallery(files, samples.mistakes(test, gallery)),
        successes=_gallery(files, samples.successes(test, gallery)),
        has_heat_maps=bool(files.explanations.heat_maps),
        wrong=int((test["predicted"] != test["label"]).sum()),
        diagnostics=files.diagnostics,
        slices=slice_rows(files.diagnostics),
        abstaining=abstaining(files.diagnostics),
        sets=sets_sentences(files.diagnostics),
        robustness=robustness_rows(files.diagnostics),
        learning=learning_curve(files.diagnostics),
        photo_map=photo_map(files),
        autoencoder=files.autoencoder,
        lineage=files.lineage,
        settings=yaml.safe_dump(
            {name: dict(section) for name, section in files.settings.items()},
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
        ),
    )


def funnel(files: EvaluationFiles) -> list[tuple[str, int, float]]:
    """Count the photos found, rejected for each reason, and kept: (name, photos, share of the photos found, 0..1).

    A photo counts once, also if it was found in two classes, and if it is rejected in one and kept in another: so the
    parts add up to the photos found.
    """
    kept = set(files.kept["photo"])
    rejected = files.rejected[~files.rejected["photo"].isin(kept)].drop_duplicates("photo")
    found = files.crawled["photo"].nunique()
    steps = [("found", found), *_counts(rejected["reason"]), ("kept", len(kept))]
    return [(name, count, min(1.0, count / max(1, found))) for name, count in steps]


def searches(crawled: pd.DataFrame, kept: pd.DataFrame) -> list[tuple[str, str, int, int]]:
    """Count the photos of each search: (engine, keyword, photos found, photos kept), most photos first."""
    found = crawled.fillna({"engine": "", "keyword": ""})
    found = found.assign(kept=found["photo"].isin(set(kept["photo"])))
    rows = [
        (
            str(engine),
            str(keyword),
            int(group["photo"].nunique()),
            int(group[group["kept"]]["photo"].nunique()),
        )
        for (engine, keyword), group in found.groupby(["engine", "keyword"])
        if engine or keyword
    ]
    return sorted(rows, key=lambda row: (-row[2], row))


def rejects(files: EvaluationFiles) -> list[dict[str, Any]]:
    """Choose photos rejected for each reason, each with the photo that it is too similar to, if any."""
    paths = dict(zip(files.kept["photo"], files.kept["file"], strict=True))
    paths |= dict(zip(files.rejected["photo"], files.rejected["file"], strict=True))
    groups = []
    for reason, count in _counts(files.rejected["reason"]):
        rows = files.rejected[files.rejected["reason"] == reason]
        examples = []
        for row in rows.iloc[_spread(len(rows), _PER_REASON)].itertuples():
            pictures = [thumbnails.of_file(files.root / str(row.file))]
            if row.twin in paths:
                pictures.append(thumbnails.of_file(files.root / paths[row.twin]))
            examples.append({"pictures": pictures, "label": row.label, "name": row.name, "why": _why(row)})
        groups.append({"reason": reason, "count": count, "examples": examples})
    return groups


def _why(row: Any) -> str:
    if row.reason == "too small":
        return f"{row.score:g}{SPACE}px"
    return f"{row.score:g} of 256 bits differ" if row.reason in ("near duplicate", "two classes") else ""


def _gallery(files: EvaluationFiles, shown: pd.DataFrame) -> list[dict[str, Any]]:
    """Make a gallery: the tile of each photo, its class activation map, and similar train photos."""
    items = []
    for row in shown.to_dict("records"):
        photo = str(row["photo"])
        tile, heat = files.tile(photo), files.explanations.heat_maps.get(photo)
        pictures = [thumbnails.of_pixels(tile)]
        if heat is not None and heat.any():
            pictures.append(thumbnails.of_pixels(draw_heat_map(tile, heat)))
        neighbours = [
            {"picture": thumbnails.of_pixels(files.tile(other), _NEAR_PX), "label": label, "cosine": cosine}
            for other, label, cosine in files.explanations.neighbours.get(photo, ())
        ]
        items.append({"pictures": pictures, "neighbours": neighbours} | {str(key): value for key, value in row.items()})
    return items


def dashboard_summary(files: EvaluationFiles, drawn: Mapping[str, Figure]) -> str:
    """Write the conclusion, the scores and the worst classes as Markdown without HTML, for the dashboard."""
    first, *rest = (markdown(sentence) for sentence in _sentences(files))
    lines = [f"**{first}** {' '.join(rest)}", ""]
    lines += [f"- Not as in earlier runs: {markdown(line)}" for line in files.before_training]
    lines += [f"- Not used as given: {markdown(note)} ({stage})" for stage, note in files.notes]
    lines += [""] * bool(files.notes or files.before_training)
    baselines = _baselines(files)
    lines += [f"| test split | value | 95 % interval | {' | '.join(baselines)} |"]
    lines += [f"|:--|--:|:-:|{'--:|' * len(baselines)}"]
    for score in score_rows(files.metrics):
        against = [f"{baseline['value']} ({baseline['outcome']})" for baseline in score["baselines"]]
        lines.append(f"| {' | '.join([score['title'], score['value'], score['interval'], *against])} |")
    for complete in removed_scores(files.metrics)[:1]:
        title = f"{complete['title']} with the {files.metrics['removed']['photos']:,} removed photos"
        cells = [title, complete["with_them"], complete["with_interval"], *("" for _ in baselines)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += _recipe_table(files.metrics)
    lines += ["", "| worst classes | recall | precision | test photos |", "|:--|--:|--:|--:|"]
    for row in [row for row in worst_classes(files.metrics) if row["test"]][:5]:
        shares = ("–" if row[key] is None else percent(row[key], 0) for key in ("recall", "precision"))
        lines.append(f"| {' | '.join((markdown(style.short_name(row['label'], 40)), *shares))} | {row['test']} |")
    pictures = (style.png(drawn["confusion"], dpi) for dpi in (80, 60, 45, 30))
    small = next(picture for picture in pictures if len(picture) < _THUMBNAIL_BYTES)
    lines += ["", f"![confusion matrix]({thumbnails.png_uri(small)})", ""]
    return "\n".join(lines)


def _recipe_table(metrics: Mapping[str, Any]) -> list[str]:
    """Write the table of the recipes that training tried as lines of Markdown."""
    if not (rows := recipe_rows(metrics)):
        return []
    metric = SCORES[metrics["recipe"]["metric"]][0]
    lines = [
        "",
        f"| what was tried | {metric} on validation | more than the best before | took |",
        "|:--|--:|--:|--:|",
    ]
    for row in rows:
        name = f"**{markdown(row['name'])}** (chosen)" if row["chosen"] else markdown(row["name"])
        skipped = f": {markdown(row['skipped'])}" if row["skipped"] else ""
        lines.append(f"| {name}{skipped} | {row['score']} | {row['difference']} | {row['took']} |")
    return lines


def _sentences(files: EvaluationFiles) -> list[str]:
    """Write the conclusion: that an autoencoder is no good, if so; the score, what the filter did, weak slices."""
    first, *rest = conclusion(files.metrics)
    return [
        *_on_autoencoder(files),
        first,
        *removed_sentence(files.metrics),
        *slices_sentence(files.diagnostics),
        *rest,
    ]


def _on_autoencoder(files: EvaluationFiles) -> Iterator[str]:
    """Say that the autoencoder is no better than a resize."""
    autoencoder = files.autoencoder
    if autoencoder and autoencoder.error["autoencoder"] >= autoencoder.error["resize"]:
        yield (
            "The autoencoder keeps less of the tiles than shrinking them to as many values: mean squared error "
            f"{autoencoder.error['autoencoder']:.3g}, against {autoencoder.error['resize']:.3g}."
        )


def _baselines(files: EvaluationFiles) -> list[str]:
    """List the names of the baselines, as users see them."""
    return [BASELINES[name] for name in baselines_of(files.metrics["test"]["scores"][files.metrics["headline"]])]


def _counts(reasons: pd.Series) -> list[tuple[str, int]]:
    counted = reasons.value_counts()
    return sorted(((str(name), int(count)) for name, count in counted.items()), key=lambda row: (-row[1], row[0]))


def _spread(count: int, most: int) -> list[int]:
    """Choose at most `most` positions, evenly spread."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, most))})
