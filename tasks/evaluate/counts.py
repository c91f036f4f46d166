"""The numbers of an evaluation that the dashboard and the terminal show."""

from collections.abc import Mapping
from typing import Any

from tasks.evaluate.names import BASELINES, SCORES, baselines_of

_ALSO = ("accuracy", "balanced_accuracy", "macro_f1")
"""The scores that are shown beside the headline metric."""


def counts(measured: Mapping[str, Any]) -> dict[str, int | float]:
    """Select numbers of metrics.json: the headline metric, its interval and its baselines, and some more scores."""
    scores, headline = measured["test"]["scores"], measured["headline"]
    score, name = scores[headline], SCORES[headline][0]
    shown = {
        "test photos": measured["photos"]["test"],
        name: score["value"],
        f"{name} from": score["low"],
        f"{name} to": score["high"],
    }
    if removed := measured.get("removed"):
        shown["removed from the test by the filter"] = removed["photos"]
        shown[f"{name} with them"] = removed["scores"][headline]["with"]["value"]
    for baseline in baselines_of(score):
        shown[f"{BASELINES[baseline]}'s {name}"] = score["against"][baseline]["value"]
    if "champion" in measured:
        previous = measured["champion"]["scores"][headline]["against"]["champion"]
        shown[f"{BASELINES['champion']}'s {name}"] = previous["value"]
    return shown | {SCORES[other][0]: scores[other]["value"] for other in _ALSO if other != headline}
