"""The report's part about the photos that a check of the filter removed from the test."""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.evaluate.report.text import PERCENTAGES, decimals, headline, interval, signed
from tasks.text import SPACE, percent


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
        accuracy, them = removed["scores"]["accuracy"], "it" if photos == 1 else "them"
        yield (
            f"The filter removed {photos:,} {'photo' if photos == 1 else 'photos'} from the test ({reasons}); "
            f"{answers} predicted correctly. With {them}, the accuracy is {percent(accuracy['with']['value'])} "
            f"(95{SPACE}% interval {interval(accuracy['with'], percentage=True)}): {_effect(accuracy['difference'])}."
        )


def removed_scores(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """Make the rows of the table of scores without and with the removed photos; empty if there is none."""
    if "removed" not in metrics:
        return []
    scores = metrics["removed"]["scores"]
    rows = []
    for row in headline(metrics):
        name, title = row["name"], row["title"]
        score, is_percentage = scores[name], name in PERCENTAGES
        write = percent if is_percentage else decimals
        difference = signed(score["difference"] * 100) if is_percentage else signed(score["difference"], 3)
        rows.append(
            {
                "title": title,
                "without": write(score["without"]["value"]),
                "without_interval": interval(score["without"], percentage=is_percentage),
                "with_them": write(score["with"]["value"]),
                "with_interval": interval(score["with"], percentage=is_percentage),
                "difference": difference,
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


def _effect(difference: float) -> str:
    if not difference:
        return "the filter made the test neither easier nor harder"
    points = f"{abs(difference) * 100:.1f}"
    size = "less than 0.1" if points == "0.0" else points
    return f"the filter made the test {size} points {'easier' if difference > 0 else 'harder'}"


def _sorted(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Mapping[str, int]]]:
    return sorted(counts.items(), key=lambda item: (-item[1]["photos"], item[0]))
