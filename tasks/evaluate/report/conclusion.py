"""The conclusion of an evaluation in sentences, for the report, the dashboard and the terminal.

All sentences follow the headline metric and its verdicts, so that none contradicts another. The scores of the baselines
are in the tables beside them; only the majority class has its score in words, since that is what any score begins from.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.evaluate.names import SCORES, baselines_of
from tasks.evaluate.report.recipe import recipe_sentence
from tasks.evaluate.report.text import capitalised, difference_text
from tasks.evaluate.verdicts import LEAST_GROUPS
from tasks.inference.calibration import LEAST_PHOTOS
from tasks.text import SPACE, interval_text, is_percentage, percent, score_text

LOGISTIC_RECIPE = "logistic regression"
"""The name of the recipe that is the same as the baseline of this name."""
_SIGNIFICANTLY = {"better": "significantly better", "worse": "significantly worse"}


def conclusion(metrics: Mapping[str, Any]) -> list[str]:
    """Summarise the scores in sentences of plain text, the most important first; `metrics`: content of metrics.json."""
    name = metrics["headline"]
    score, photos = metrics["test"]["scores"][name], metrics["photos"]["test"]
    value, title = score_text(name, score["value"]), SCORES[name][0]
    subject = f"{value} {title}" if is_percentage(name) else f"{capitalised(title)} {value}"
    first = (
        f"{subject} on {photos:,} test {'photo' if photos == 1 else 'photos'} "
        f"(95{SPACE}% interval {interval_text(name, score['low'], score['high'])}); the majority class alone gives "
        f"{_majority(name, score['against']['commonest'])}."
    )
    return [
        first,
        *_against_baselines(metrics),
        *recipe_sentence(metrics),
        *_champion(metrics),
        *_unknown(metrics),
        *uncalibrated_sentence(metrics),
    ]


def _majority(name: str, against: Mapping[str, Any]) -> str:
    """Write the score of the majority class, and how it compares with the classifier's."""
    compared = {
        "better": ", significantly less",
        "worse": ", significantly more",
        "undecided": f", and the difference is {_not_significant(against)}",
    }
    return f"{score_text(name, against['value'])}{compared.get(against['verdict'], '')}"


def uncalibrated_sentence(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Say that the probabilities are not calibrated, for lack of validation photos; nothing if they are."""
    found = metrics.get("calibration")
    if found and not found.get("calibrated", True):
        photos = found["photos"]
        lack = f"{photos:,} validation {'photo is' if photos == 1 else 'photos are'} too few"
        if not photos:
            lack = "there are no validation photos"
        yield f"The probabilities are not calibrated: {lack} (calibration needs {found['least']})."


def _against_baselines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Write the verdict on each baseline but the majority class, the strongest first."""
    test = metrics["test"]
    against = test["scores"][metrics["headline"]]["against"]
    order = list(reversed(baselines_of(test["scores"][metrics["headline"]])))
    if all(against[baseline]["verdict"] == "too few" for baseline in order):
        yield _too_few(test["groups"], metrics["photos"]["test"])
        return
    for baseline in order:
        if baseline != "commonest":
            yield _verdict_on(baseline, metrics)
    if any(against[baseline]["verdict"] == "undecided" for baseline in order):
        yield "More test photos would narrow the intervals."


def _too_few(groups: int, photos: int) -> str:
    """Say that the test has too few photos for verdicts."""
    what = f"{photos:,} test {'photo is' if photos == 1 else 'photos are'}"
    if groups != photos:
        what = f"{photos:,} test photos in {groups:,} {'group' if groups == 1 else 'groups'} of near duplicates are"
    return (
        f"Too few photos to tell whether the classifier is better than the baselines: {what} less than the "
        f"{LEAST_GROUPS} that a verdict needs."
    )


def _verdict_on(baseline: str, metrics: Mapping[str, Any]) -> str:
    name = metrics["headline"]
    against = metrics["test"]["scores"][name]["against"][baseline]
    outcome, difference = against["verdict"], difference_text(name, against["difference"])
    if baseline == "logistic":
        recipe = metrics.get("recipe", {})
        if recipe.get("recipe") == "logistic":
            return _is_logistic(recipe, name, against)
        what = "logistic regression on the encoder's features"
        return {
            "better": f"Training beat {what}: {difference}.",
            "worse": f"Training lost to {what}: {difference}.",
        }.get(outcome, f"It is not certain that training beat {what}: {_not_significant(against)}, {difference}.")
    what = "taking the class of the most similar train photo"
    if outcome in _SIGNIFICANTLY:
        return f"{_SIGNIFICANTLY[outcome].capitalize()} than {what}: {difference}."
    return f"The difference from {what} is {_not_significant(against)}: {difference}."


def _not_significant(against: Mapping[str, Any]) -> str:
    """Say so; and why, if the interval, which is that of one comparison alone, doesn't contain zero."""
    low, high = against["difference"]["low"], against["difference"]["high"]
    corrected = " after a correction for several comparisons" if low > 0 or high < 0 else ""
    return f"not statistically significant{corrected}"


def _is_logistic(recipe: Mapping[str, Any], name: str, against: Mapping[str, Any]) -> str:
    """Say that the classifier is of the same kind as the baseline, or the nearest photo by the same features."""
    kind = "logistic regression on the encoder's features"
    if recipe["chosen"] == LOGISTIC_RECIPE:
        return f"The classifier is {kind}: no other recipe that was tried is clearly better on validation."
    compared = {"better": "significantly better than", "worse": "significantly worse than"}.get(
        against["verdict"], "not significantly different from"
    )
    difference = difference_text(name, against["difference"])
    if recipe.get("infer_from") == "nearest":
        return (
            "The classifier takes the class of the most similar photo that it has learned from, by the encoder's "
            f"features. It is {compared} logistic regression on them: {difference}."
        )
    variant = f"The classifier is a variant of {kind} (“{recipe['chosen']}”)."
    return f"{variant} It is {compared} the plain one: {difference}."


def _champion(metrics: Mapping[str, Any]) -> Iterator[str]:
    if champion := metrics.get("champion"):
        name = metrics["headline"]
        against = champion["scores"][name]["against"]["champion"]
        outcome = _SIGNIFICANTLY | {
            "undecided": "no statistically significant difference",
            "too few": "too few photos to tell which is better",
        }
        yield (
            f"Compared with the champion ({champion['made_at']} UTC) on the {champion['photos']:,} test photos "
            f"that both predicted: {outcome[against['verdict']]}, {difference_text(name, against['difference'])}."
        )


def _unknown(metrics: Mapping[str, Any]) -> Iterator[str]:
    if unknown := metrics.get("unknown"):
        label, photos = unknown["label"], unknown["photos"]
        if recognised := unknown.get("recognised"):
            sentence = f"Of {photos:,} test photos of unknown classes, {percent(recognised['value'])} are recognised"
        else:
            sentence = "No test photo is of an unknown class"
        if alarms := unknown.get("false_alarms"):
            sentence += f"; of the other test photos, {percent(alarms['value'])} are wrongly predicted as “{label}”"
        yield f"{sentence}."
        if unknown["validation_photos"] < LEAST_PHOTOS:
            fitted_on = unknown["validation_photos"]
            yield (
                f"The threshold of “{label}” is uncertain: validation has {fitted_on:,} "
                f"{'photo' if fitted_on == 1 else 'photos'} of unknown classes, and it needs {LEAST_PHOTOS}."
            )
