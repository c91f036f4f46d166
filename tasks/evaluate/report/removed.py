"""The report's part about the photos that a check of the filter removed from the test."""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.evaluate.names import SCORES
from tasks.evaluate.report.text import difference_text, score_rows, signed_value
from tasks.text import SPACE, interval_text, score_text

_OUTCOMES = {
    "better": "easier",
    "worse": "harder",
    "undecided": "not significant",
    "too few": "too few photos to tell",
}
"""The verdicts on the test without the removed photos, as users see them."""


def removed_sentence(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Say whether the filter made the test easier; nothing if it removed no photo. `metrics`: of metrics.json."""
    if removed := metrics.get("removed"):
        photos, right = removed["photos"], removed["right"]
        reasons = ", ".join(f"{count['photos']:,} {reason}" for reason, count in _sorted(removed["by_reason"]))
        if photos == 1:
            answers = "it is" if right else "it is not"
        elif right in (0, photos):
            answers = "all of them are" if right else "none of them is"
        else:
            answers = f"{right:,} of them {'is' if right == 1 else 'are'}"
        name, them = metrics["headline"], "it" if photos == 1 else "them"
        score = removed["scores"][name]
        yield (
            f"The filter removed {photos:,} {'photo' if photos == 1 else 'photos'} from the test ({reasons}); "
            f"{answers} predicted correctly. With {them}, the {SCORES[name][0]} is "
            f"{score_text(name, score['with']['value'])} (95{SPACE}% interval "
            f"{interval_text(name, score['with']['low'], score['with']['high'])}): {_effect(name, score)}."
        )


def removed_scores(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """Make the rows of the table of scores without and with the removed photos; empty if there is none."""
    if "removed" not in metrics:
        return []
    scores = metrics["removed"]["scores"]
    rows = []
    for row in score_rows(metrics):
        name, title = row["name"], row["title"]
        score, difference = scores[name], scores[name]["difference"]
        low, high = (signed_value(name, difference[key]) for key in ("low", "high"))
        rows.append(
            {
                "title": title,
                "without": score_text(name, score["without"]["value"]),
                "without_interval": interval_text(name, score["without"]["low"], score["without"]["high"]),
                "with_them": score_text(name, score["with"]["value"]),
                "with_interval": interval_text(name, score["with"]["low"], score["with"]["high"]),
                "difference": signed_value(name, difference["value"]),
                "difference_interval": f"{low} to {high}",
                "outcome": _OUTCOMES[score["verdict"]],
            }
        )
    return rows


def removed_counts(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make the rows of the tables of removed photos by reason and by class, the most photos first."""
    removed = metrics.get("removed", {"by_reason": {}, "by_class": {}})
    return [
        {"title": title, "rows": [{"name": name, **count} for name, count in _sorted(removed[part])]}
        for title, part in (("reason", "by_reason"), ("class", "by_class"))
        if removed[part]
    ]


def _effect(name: str, score: Mapping[str, Any]) -> str:
    """Write the verdict on the test without and with the removed photos."""
    difference, verdict = score["difference"], score["verdict"]
    if not difference["value"]:
        return "the filter made the test neither easier nor harder"
    size = difference_text(name, difference)
    if verdict in ("better", "worse"):
        return f"the filter made the test significantly {_OUTCOMES[verdict]}, {size}"
    if verdict == "too few":
        return f"too few photos to tell whether the filter made the test easier, {size}"
    return f"the filter made the test neither significantly easier nor harder, {size}"


def _sorted(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Mapping[str, int]]]:
    return sorted(counts.items(), key=lambda item: (-item[1]["photos"], item[0]))
