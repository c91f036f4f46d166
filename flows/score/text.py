"""What `fluke score` says: in the terminal, on its page and in the dashboard."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table

from flows.console import shown
from flows.score.photos import CONTRADICTED, SEEN, TWICE, UNKNOWN, UNREADABLE, LeftOut
from tasks.evaluate.names import BASELINES, OUTCOMES, SCORES, says_something
from tasks.names import visible
from tasks.text import SPACE, first_few, interval, interval_text, percent, photos_are, score_text

_MOST_CELLS = 12
"""With more classes, the terminal lists the most frequent confusions instead of the matrix."""
_MOST_CLASSES = 20
_CONFUSIONS = 10
_BASELINE = "commonest"
_WHY = {
    UNREADABLE: "which can't be read",
    SEEN: "which the model was trained on, or chosen by",
    UNKNOWN: "whose class the model doesn't know",
    TWICE: "which are listed before",
    CONTRADICTED: "which are listed with two classes",
}


class ScoreRow(NamedTuple):
    """One score, as text."""

    name: str
    title: str
    meaning: str
    value: str
    interval: str
    baseline: str
    """That of the majority class."""
    verdict: str
    own: str
    """That of the model's own test, with its interval; empty if its run doesn't have it."""


def score_rows(metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
    """Yield the scores that say something, the headline metric first."""
    scores = metrics["test"]["scores"]
    shown_scores = [name for name in scores if says_something(name, metrics)]
    for name in sorted(shown_scores, key=lambda name: (name != metrics["headline"], list(SCORES).index(name))):
        title, meaning = (text.format(top_k=metrics["test"]["top_k"]) for text in SCORES[name])
        against, own = scores[name]["against"][_BASELINE], metrics["own_test"].get(name)
        yield ScoreRow(
            name,
            title,
            meaning,
            _text(name, scores[name]["value"]),
            interval_text(name, scores[name]["low"], scores[name]["high"]),
            _text(name, against["value"]),
            OUTCOMES[against["verdict"]],
            f"{_text(name, own['value'])} ({interval_text(name, own['low'], own['high'])})" if own else "",
        )


def subject(metrics: Mapping[str, Any]) -> str:
    """Say what was scored: `480 photos of 6 classes, in 471 groups, by the model of run ... of trash`."""
    scored, photos, groups = metrics["scored"], metrics["photos"]["test"], metrics["test"]["groups"]
    classes = sum(row["test"] > 0 for row in metrics["per_class"])
    what = f"{photos:,} photo{'s' * (photos != 1)} of {classes:,} class{'es' * (classes != 1)}"
    grouped = f", {groups:,} of them different" if groups < photos else ""
    return f"{what}{grouped}, answered by the model of run {scored['run']} of {scored['name']}"


def score_table(metrics: Mapping[str, Any]) -> Table:
    """Return a table of the scores with their intervals, and those of the majority class."""
    table = _table("score", "value", "95 % interval", BASELINES[_BASELINE])
    for row in score_rows(metrics):
        style = "bold" if row.name == metrics["headline"] else ""
        table.add_row(row.title, row.value, row.interval, row.baseline, style=style)
    return table


def own_test(metrics: Mapping[str, Any]) -> str:
    """Say what the headline metric was in the evaluation of the model's run."""
    headline = next(score_rows(metrics))
    return f"in the model's own test, {headline.title} was {headline.own}"


def limit_sentences(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Say what the model's limits give: answers that are not unsure, and sets of possible classes."""
    if found := metrics.get("abstaining"):
        right = f"; {percent(found['reached']['value'])} of them are right ({_both_ends(found)})" * ("reached" in found)
        yield (
            f"{percent(found['coverage'])} of the answers are not unsure: their probability is "
            f"{percent(found['least_probability'])} or more{right} (evaluate.abstain={found['wanted']:g})"
        )
    if found := metrics.get("sets"):
        yield (
            f"{percent(found['reached']['value'])} of the sets of possible classes contain the true one "
            f"({_both_ends(found)}; evaluate.set_coverage={found['wanted']:g}); they have {found['mean_size']:.1f} "
            "classes on average"
        )


def _both_ends(found: Mapping[str, Any]) -> str:
    return f"{interval(found['reached'], percentage=True)}{SPACE}%"


def class_table(metrics: Mapping[str, Any]) -> Table:
    """Return a table of the classes that have photos, those with the lowest recall first."""
    table = _table("class", "photos", "recall", "precision", "F1", "most often taken for")
    tested = sorted((row for row in metrics["per_class"] if row["test"]), key=lambda row: (row["recall"], row["label"]))
    for row in tested[:_MOST_CLASSES]:
        numbers = [_share(row[name]) for name in ("recall", "precision")]
        f1 = "" if row["f1"] is None else f"{row['f1']:.3f}"
        other = f"{visible(row['taken_for'])} ({row['taken_for_photos']:,})" if row["taken_for"] else ""
        table.add_row(shown(visible(row["label"])), f"{row['test']:,}", *numbers, f1, shown(other))
    if len(tested) > _MOST_CLASSES:
        table.add_row(f"... {len(tested) - _MOST_CLASSES:,} more")
    return table


def confusion_table(metrics: Mapping[str, Any]) -> Table:
    """Return the confusion matrix (rows: true classes), or the most frequent confusions if there are many classes."""
    answers = {(row["true"], row["predicted"]): row["photos"] for row in metrics["confusions"]}
    right = {row["label"]: row["test"] - _wrong(row) for row in metrics["per_class"]}
    used = {name for pair in answers for name in pair} | {name for name, count in right.items() if count}
    names = [name for name in right if name in used]
    is_whole = sum(answers.values()) == sum(_wrong(row) for row in metrics["per_class"])
    if len(names) > _MOST_CELLS or not is_whole:
        table = _table("true", "predicted", "photos")
        for row in metrics["confusions"][:_CONFUSIONS]:
            table.add_row(shown(visible(row["true"])), shown(visible(row["predicted"])), f"{row['photos']:,}")
        return table
    table = _table("true \\ predicted", *(shown(visible(name)) for name in names))
    for true in names:
        cells = (right[true] if true == name else answers.get((true, name), 0) for name in names)
        table.add_row(shown(visible(true)), *(f"{cell:,}" if cell else "·" for cell in cells))
    return table


def reasons(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a line for each reason: how many photos are left out, and the first of them."""
    by_reason: dict[str, list[LeftOut]] = {}
    for each in left_out:
        by_reason.setdefault(each.reason, []).append(each)
    return [_reason(reason, by_reason[reason]) for reason in sorted(by_reason, key=lambda name: -len(by_reason[name]))]


def _reason(reason: str, found: Sequence[LeftOut]) -> str:
    named = first_few([f"{each.name} ({each.detail})" if each.detail else each.name for each in found])
    if reason == UNKNOWN:
        classes = sorted({visible(each.label) for each in found})
        named = f"class{'es' * (len(classes) > 1)} {first_few(classes)}"
    return f"{photos_are(len(found))} left out, {_WHY[reason]}: {named}"


def _wrong(row: Mapping[str, Any]) -> int:
    return int(row["test"] - round((row["recall"] or 0) * row["test"]))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for column in others:
        table.add_column(column, justify="left" if not column or column.startswith(("most", "predicted")) else "right")
    return table


def _share(value: float | None) -> str:
    return "" if value is None else percent(value, 0)


def _text(name: str, value: float | None) -> str:
    return "–" if value is None else score_text(name, value)
