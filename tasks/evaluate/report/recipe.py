"""The report's part about the recipes that training tried."""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.evaluate.names import SCORES
from tasks.evaluate.report.text import signed_value
from tasks.text import duration, score_text


def recipe_sentence(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Say which recipe was chosen among how many; nothing if there was no choice. `metrics`: of metrics.json."""
    recipe = metrics.get("recipe")
    if not recipe or len(recipe["candidates"]) < 2:
        return
    name = recipe["metric"]
    tried = [candidate for candidate in recipe["candidates"] if not candidate["skipped"]]
    skipped = len(recipe["candidates"]) - len(tried)
    chosen = next((candidate for candidate in tried if candidate["chosen"]), None)
    if chosen is None:
        return
    value = "" if chosen["score"] is None else f" ({score_text(name, chosen['score'])})"
    omitted = f"; {skipped:,} {'was' if skipped == 1 else 'were'} not tried" if skipped else ""
    count = f"{len(tried):,} recipes" if len(tried) > 1 else "1 recipe"
    yield f"Of {count} tried, validation chose “{chosen['name']}” by {SCORES[name][0]}{value}{omitted}."


def recipe_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make the rows of the table of recipes, in the order in which they were tried; empty if there was no choice."""
    recipe = metrics.get("recipe")
    if not recipe or len(recipe["candidates"]) < 2:
        return []
    name, rows = recipe["metric"], []
    for candidate in recipe["candidates"]:
        score, difference, error = (candidate.get(key) for key in ("score", "difference", "standard_error"))
        compared = "" if difference is None else signed_value(name, difference)
        rows.append(
            {
                "name": candidate["name"],
                "chosen": candidate["chosen"],
                "score": "–" if score is None else score_text(name, score),
                "difference": compared if error is None or not compared else f"{compared} ± {_error(name, error)}",
                "took": "–" if candidate.get("seconds") is None else duration(candidate["seconds"]),
                "skipped": candidate["skipped"] or "",
            }
        )
    return rows


def _error(name: str, error: float) -> str:
    return signed_value(name, error).removeprefix("+")
