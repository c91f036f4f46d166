"""The report's part about where the classifier is weak, and what would help."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.evaluate.names import OUTCOMES
from tasks.evaluate.report.line_chart import LineChart, Mark
from tasks.evaluate.report.text import difference_text
from tasks.inference.calibration import LEAST_PHOTOS
from tasks.names import visible
from tasks.text import interval, percent

_NAMED = 3
"""Most slices that a sentence names."""
_SHARES = (0.9, 0.75, 0.5)
"""Shares of answered photos that the text gives the accuracy of."""
_SIGNIFICANT = 0.05
_VERDICTS = {"better": "significantly better", "worse": "significantly worse", "undecided": OUTCOMES["undecided"]}


def slices_sentence(diagnostics: Mapping[str, Any]) -> Iterator[str]:
    """Name the slices with a significantly lower accuracy; nothing if there is none."""
    worse = [row for row in diagnostics.get("slices", {}).get("rows", ()) if row["verdict"] == "worse"]
    if not worse:
        return
    worse.sort(key=lambda row: row["accuracy"]["value"] - row["others"])
    named = "; ".join(
        f"{row['attribute']} “{visible(row['value'])}”, {percent(row['accuracy']['value'])} of {row['photos']:,} "
        f"photos against {percent(row['others'])}"
        for row in worse[:_NAMED]
    )
    more = f"; and {len(worse) - _NAMED:,} more" if len(worse) > _NAMED else ""
    yield f"Significantly less accurate than on other photos of the same classes: {named}{more}."


def slice_rows(diagnostics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make the rows of the table of slices."""
    return [
        {
            "attribute": row["attribute"],
            "value": row["value"],
            "photos": row["photos"],
            "share": row["accuracy"]["value"],
            "accuracy": percent(row["accuracy"]["value"]),
            "interval": interval(row["accuracy"], percentage=True),
            "others": percent(row["others"]),
            "verdict": row["verdict"],
            "outcome": _VERDICTS[row["verdict"]],
        }
        for row in diagnostics.get("slices", {}).get("rows", ())
    ]


def abstaining(diagnostics: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the accuracy of the most certain answers: a chart and sentences; empty without diagnostics."""
    found = diagnostics.get("abstaining")
    if not found:
        return {}
    coverage, accuracy = found["coverage"], found["accuracy"]
    shares = [(share, accuracy[_last_up_to(coverage, share)]) for share in _SHARES if coverage[0] <= share]
    parts = [f"{percent(value)} of the most certain {percent(share, 0)}" for share, value in shares]
    sentences = [f"Of all answers, {percent(accuracy[-1])} are right{''.join(f', {part}' for part in parts)}."]
    marks: list[Mark] = []
    if wanted := found.get("wanted"):
        sentences.append(_wanted(wanted))
        if "reached" in wanted:
            marks.append(Mark(wanted["coverage"] * 100, wanted["reached"]["value"] * 100, "evaluate.abstain"))
    chart = LineChart.of(
        [100 * value for value in coverage],
        [100 * value for value in accuracy],
        marks=marks,
        x_title="answered photos, % (the most certain first)",
        y_title="right answers, %",
    )
    return {"chart": chart, "sentences": sentences}


def sets_sentences(diagnostics: Mapping[str, Any]) -> list[str]:
    """Describe the sets of possible classes; empty if there are none."""
    found = diagnostics.get("sets")
    if not found:
        return []
    wanted = percent(found["wanted"], 0)
    if "reached" not in found:
        return [
            f"No sets of possible classes: {found['photos']:,} validation photos are too few for a coverage of "
            f"{wanted} (at least {LEAST_PHOTOS})."
        ]
    return [
        f"A set of possible classes that contains the true one with {wanted} probability has {found['mean_size']:.1f} "
        f"classes on average, and {percent(found['single'], 0)} of the sets have one. Of the sets of the test photos, "
        f"{percent(found['reached']['value'])} contain it ({interval(found['reached'], percentage=True)})."
    ]


def robustness_rows(diagnostics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make the rows of the table of corrupted photos, the unchanged ones first; empty if it wasn't measured."""
    found = diagnostics.get("robustness")
    if not found:
        return []
    unchanged = {"name": "as they are", "strength": "", "accuracy": found["unchanged"], "difference": None}
    return [
        {
            "name": ", ".join(filter(None, (row["name"], row["strength"]))),
            "share": row["accuracy"]["value"],
            "accuracy": percent(row["accuracy"]["value"]),
            "interval": interval(row["accuracy"], percentage=True),
            "difference": row["difference"] and difference_text("accuracy", row["difference"]),
        }
        for row in (unchanged, *found["rows"])
    ]


def learning_curve(diagnostics: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what more train photos would give: a chart, sentences and rows of classes; empty if not measured."""
    found = diagnostics.get("learning_curve")
    if not found:
        return {}
    points = found["points"]
    chart = LineChart.of(
        [point["photos"] for point in points],
        [100 * point["accuracy"]["value"] for point in points],
        low=[100 * point["accuracy"]["low"] for point in points],
        high=[100 * point["accuracy"]["high"] for point in points],
        x_title="train photos",
        y_title="accuracy, %",
        from_zero=True,
    )
    doubling, numbers = found["doubling"], _listed([f"{point['photos']:,}" for point in points])
    sentences = [
        f"Logistic regression on the encoder's features, with {numbers} train photos: the last doubling changed the "
        f"accuracy by {difference_text('accuracy', doubling)}."
    ]
    classes = sorted(found["classes"], key=lambda row: -row["gain"]["value"])
    if classes:
        sentences.append(_most_gaining(classes[0], min(classes, key=lambda row: row["corrected_p_value"])))
    rows = [
        {"label": row["label"], "train": row["train"], "gain": difference_text("accuracy", row["gain"])}
        for row in classes
    ]
    return {"chart": chart, "sentences": sentences, "rows": rows}


def _most_gaining(first: Mapping[str, Any], surest: Mapping[str, Any]) -> str:
    """Say which class gained most from the last doubling, and whether that is significant."""
    gain = f"“{visible(first['label'])}” gained most, {difference_text('accuracy', first['gain'])} of recall"
    if surest["corrected_p_value"] > _SIGNIFICANT:
        return (
            f"{gain}, but no class's gain is significant: the test has too few photos of each class to tell which "
            "class needs more photos most."
        )
    if surest["label"] == first["label"]:
        return f"{gain}, which is significant: look for more photos of this class first."
    return (
        f"{gain}, which is not significant; the surest gain is that of “{visible(surest['label'])}”, "
        f"{difference_text('accuracy', surest['gain'])}."
    )


def _wanted(wanted: Mapping[str, Any]) -> str:
    """Say what evaluate.abstain gives."""
    setting = f"evaluate.abstain={wanted['accuracy']:g}"
    if wanted["photos"] < LEAST_PHOTOS:
        return f"{setting} has no effect: {wanted['photos']:,} validation photos are too few (at least {LEAST_PHOTOS})."
    if "threshold" not in wanted:
        return f"{setting} can't be reached: not even the most certain answers to validation photos are right as often."
    if "reached" not in wanted:
        return f"With {setting}, answers need a probability of {percent(wanted['threshold'])}; no test photo has one."
    return (
        f"With {setting}, answers need a probability of {percent(wanted['threshold'])}, as fitted on validation "
        f"photos: {percent(wanted['coverage'])} of the test photos are answered, {percent(wanted['reached']['value'])} "
        f"of them correctly ({interval(wanted['reached'], percentage=True)})."
    )


def _last_up_to(values: Sequence[float], most: float) -> int:
    return max(i for i, value in enumerate(values) if value <= most)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]])
