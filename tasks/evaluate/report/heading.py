"""The heading of the report: which model this is, what was decided about it, photos with its answers, three scores."""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.evaluate import samples
from tasks.evaluate.names import BASELINES, baselines_of
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.decision import badge, read_decision
from tasks.evaluate.report.text import score_rows
from tasks.images import thumbnails

_STRIP_PHOTOS = 8
_STRIP_PX = 160
_SCORES = 3
_NOT_FIRST = ("weighted_f1", "log_loss")
"""Scores that say little at a glance."""


def heading(files: EvaluationFiles) -> dict[str, Any]:
    """Return what the template needs for the heading: name, preset, date, badge, strip, scores."""
    name, preset = files.run_names
    rows = [row for row in score_rows(files.metrics) if row["name"] not in _NOT_FIRST]
    headline = files.metrics["test"]["scores"][files.metrics["headline"]]
    return {
        "name": name,
        "preset": preset if preset != name else "",
        "made_at": files.manifest.made_at.strftime("%d %B %Y").lstrip("0"),
        "badge": badge(read_decision(files.folder)),
        "strip": list(_strip(files)),
        "scores": rows[:_SCORES],
        "baselines": [BASELINES[each] for each in baselines_of(headline)],
    }


def _strip(files: EvaluationFiles) -> Iterator[Mapping[str, Any]]:
    """Yield photos and answers: the most confident mistakes first, in at most half of the places, then right ones."""
    if not files.view_settings["gallery"]:
        return  # the user wants no photos in the report
    wrong = samples.mistakes(files.test, _STRIP_PHOTOS // 2)
    right = samples.successes(files.test, _STRIP_PHOTOS - len(wrong))
    for shown in (wrong, right):
        for row in shown.to_dict("records"):
            picture = thumbnails.of_pixels(files.tile(str(row["photo"])), _STRIP_PX)
            yield {"picture": picture, "label": row["label"], "predicted": row["predicted"]}
