"""The text of the report: the verdict in sentences, the rows of its tables, and the format of numbers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tasks.text import SPACE, percent

_SCORES = {
    "accuracy": ("Accuracy", "share of photos whose predicted class is right"),
    "balanced_accuracy": ("Balanced accuracy", "mean recall of the classes, each with the same weight"),
    "macro_f1": ("Macro F1", "mean F1 of the classes, each with the same weight"),
    "weighted_f1": ("Weighted F1", "mean F1 of the classes, weighted by their photos"),
    "top_k_accuracy": ("Top-{top_k} accuracy", "share of photos whose class is among the first {top_k} predictions"),
    "map_at_5": ("mAP@5", "mean of 1/rank of the true class among the first five predictions"),
    "log_loss": ("Log loss", "mean negative log-likelihood of the true class; lower is better"),
}
"""Title and meaning of each score."""
PERCENTAGES = frozenset({"accuracy", "balanced_accuracy", "top_k_accuracy"})
"""The scores that are written as percentages."""
BASELINES = {"commonest": "majority class", "nearest": "nearest photo", "champion": "previous model"}
"""The names of the baselines of metrics.json, as users see them."""
OUTCOMES = {"better": "classifier better", "worse": "classifier worse", "undecided": "not significant"}
"""The verdicts of metrics.json, as users see them."""


def verdict(metrics: Mapping[str, Any]) -> list[str]:
    """Summarise the scores in sentences of plain text, the most important first; `metrics`: content of metrics.json."""
    test, majority = metrics["test"], metrics["commonest"][0]
    accuracy, f1 = test["scores"]["accuracy"], test["scores"]["macro_f1"]["against"]["commonest"]
    against, photos = accuracy["against"]["commonest"], metrics["photos"]["test"]
    sentences = [
        f"{percent(accuracy['value'])} accuracy on {photos:,} test {'photo' if photos == 1 else 'photos'} "
        f"(95{SPACE}% interval {interval(accuracy, percentage=True)}); the majority class alone gives "
        f"{percent(against['value'])}."
    ]
    difference = _difference(against)
    match against["verdict"]:
        case "better":
            sentences.append(f"Significantly better than always predicting “{majority}”: {difference}.")
        case "worse":
            sentences.append(f"Significantly worse than always predicting “{majority}”: {difference}.")
        case _:
            sentences.append(
                f"The difference from always predicting “{majority}” is not statistically significant: {difference}. "
                "More test photos would narrow the interval."
            )
    if f1["verdict"] != against["verdict"]:
        outcome = {"better": "significantly better", "worse": "significantly worse"}
        compared = outcome.get(f1["verdict"], "not significantly better")
        value = test["scores"]["macro_f1"]["value"]
        sentences.append(
            f"The macro F1, where every class has the same weight, is {compared} than that of the majority "
            f"class: {value:.3f} against {f1['value']:.3f}."
        )
    return [*sentences, *_nearest(metrics), *_previous_model(metrics), *_unknown(metrics)]


def subject(settings: Mapping[str, Mapping[str, Any]], metrics: Mapping[str, Any]) -> str:
    """Describe the network, its input and the train photos in a line; `settings`: the config of each stage."""
    train, pretrain = settings.get("train", {}), settings.get("pretrain", {})
    tile, recipe = settings.get("preprocess", {}), metrics.get("recipe", {})
    colour = {"rgb": "RGB", "grey": "grey"}.get(tile.get("colour", ""), "")
    tiles = f"{tile.get('side_px', '?')}{SPACE}px {colour} tiles"
    encoder = str(pretrain.get("encoder", "none"))
    if encoder in ("autoencoder", "none"):
        network = f"{train.get('network', 'a network')}, from scratch,"
        inputs = f"an autoencoder's codes of {tiles}" if encoder == "autoencoder" else tiles
    else:
        network = f"{encoder}, pretrained and {'frozen' if recipe.get('frozen') else 'fine-tuned'},"
        inputs = tiles
    if recipe.get("recipe") == "logistic":
        network = (
            f"logistic regression on the features of {encoder}" if encoder != "autoencoder" else "logistic regression"
        )
    photos = f"{metrics['photos']['train']:,} photos of {metrics['trained_classes']:,} classes"
    return f"{network} on {inputs}; trained on {photos}."


def given_split(splits: Iterable[object]) -> str:
    """Say how many photos came with a split; empty if none did. `splits`: the column of the crawl's table."""
    counts = Counter(split for split in splits if isinstance(split, str))
    parts = ", ".join(f"{part} {counts[part]:,}" for part in ("train", "val", "test") if counts[part])
    return f"The split was given with the photos: {parts}." if parts else ""


def _nearest(metrics: Mapping[str, Any]) -> Iterator[str]:
    if against := metrics["test"]["scores"]["accuracy"]["against"].get("nearest"):
        difference = _difference(against)
        baseline = f"The nearest train photo, without any training, gives {percent(against['value'])}"
        yield {
            "better": f"{baseline}; the trained classifier is significantly better: {difference}.",
            "worse": f"{baseline}; the trained classifier is significantly worse: {difference}.",
            "undecided": f"{baseline}; the gain from training is not statistically significant: {difference}.",
        }[against["verdict"]]


def _previous_model(metrics: Mapping[str, Any]) -> Iterator[str]:
    if previous := metrics.get("champion"):
        against = previous["scores"]["accuracy"]["against"]["champion"]
        outcome = {
            "better": "significantly better",
            "worse": "significantly worse",
            "undecided": "no statistically significant difference",
        }
        yield (
            f"Compared with the previous model ({previous['made_at']} UTC) on the {previous['photos']:,} test photos "
            f"that both predicted: {outcome[against['verdict']]}, {_difference(against)}."
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


def _difference(against: Mapping[str, Any]) -> str:
    """Write a difference in percentage points, with its interval."""
    difference = against["difference"]
    return f"{signed(difference['value'] * 100)} points ({difference_interval(difference)})"


def priors(settings: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Describe which class frequencies the training and the scores assume.

    Args:
        settings: The section of the train stage.
        metrics: The content of metrics.json.
    """
    imbalance = settings.get("imbalance", {})
    method = imbalance.get("method", "none")
    strength = {"none": 0, "focal": 0, "weights": imbalance.get("power"), "logit_adjustment": imbalance.get("strength")}
    if strength.get(method) == 0:
        assumed = "with the class frequencies of the train photos"
    elif method != "effective" and (method != "weights" or imbalance["power"] == 1):
        assumed = "as if all classes were about equally frequent"
    else:
        assumed = "with a higher weight for rare classes"
    return (
        f"The classifier was trained {assumed}. Accuracy, top-k accuracy, mAP@5 and log loss depend on the class "
        f"frequencies of the {metrics['photos']['test']:,} test photos; balanced accuracy and macro F1 give every "
        "class the same weight."
    )


def calibration_sentence(metrics: Mapping[str, Any]) -> str:
    """Describe the calibration and its error; empty if nothing was calibrated."""
    found = metrics.get("calibration")
    if not found or not found["photos"]:
        return ""
    temperature, before = "", ""
    if "temperature" in found:
        temperature = f" (temperature {found['temperature']:.2f})"
        before = f"; before the calibration, it was {percent(found['error_before'])}"
    return (
        f"The probabilities are calibrated on {found['photos']:,} validation photos{temperature}. On the test photos, "
        "the expected calibration error (ECE), which is the mean gap between confidence and accuracy, is "
        f"{percent(found['error'])}{before}."
    )


def headline(metrics: Mapping[str, Any], scores: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Make the rows of a table of scores. Top-k accuracy is left out if there are k classes or less.

    Args:
        metrics: The content of metrics.json.
        scores: The scores to show; default: those of the test split.
    """
    test = metrics["test"]
    measured = scores or test["scores"]
    for name, (title, meaning) in _SCORES.items():
        is_certain = name == "top_k_accuracy" and test["top_k"] in (1, *range(metrics["classes"], 99))
        if name not in measured or is_certain:
            continue
        score, percentage = measured[name], name in PERCENTAGES
        write = percent if percentage else decimals
        yield {
            "name": name,
            "title": title.format(**test),
            "meaning": meaning.format(**test),
            "value": write(score["value"]),
            "interval": interval(score, percentage=percentage),
            "baselines": [
                {"value": write(each["value"]), "verdict": each["verdict"], "outcome": OUTCOMES[each["verdict"]]}
                for each in score["against"].values()
            ],
        }


def by_class_frequency(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make the rows of the table of scores by train photos per class."""
    rows = []
    for bucket in metrics["by_train_photos"]:
        low, high = bucket["at_least"], bucket["at_most"]
        train_photos = f"{low:,} or more" if high is None else f"{low:,}" if low == high else f"{low:,}–{high:,}"
        rows.append(
            {
                "train_photos": train_photos if high != 0 else "none",
                "classes": bucket["classes"],
                "photos": bucket["photos"],
                "share": bucket["accuracy"]["value"],
                "accuracy": percent(bucket["accuracy"]["value"]),
                "interval": interval(bucket["accuracy"], percentage=True),
                "map_at_5": decimals(bucket["map_at_5"]["value"]),
                "map_interval": interval(bucket["map_at_5"], percentage=False),
            }
        )
    return rows


def worst_classes(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sort the rows of `metrics["per_class"]`: the lowest recall first, classes without test photos last."""
    rows: list[dict[str, Any]] = metrics["per_class"]
    return sorted(rows, key=lambda row: (row["recall"] is None, row["recall"] or 0, -row["test"]))


def interval(score: Mapping[str, float], *, percentage: bool) -> str:
    """Write an interval, such as 94.1–98.2 or 0.932–0.981."""
    scale, digits = (100, 1) if percentage else (1, 3)
    return f"{score['low'] * scale:.{digits}f}–{score['high'] * scale:.{digits}f}"


def difference_interval(difference: Mapping[str, float]) -> str:
    """Write the interval of a difference in percentage points, such as +71.3 to +85.0."""
    return f"{signed(difference['low'] * 100)} to {signed(difference['high'] * 100)}"


def signed(number: float, digits: int = 1) -> str:
    """Write a number with its sign; the minus sign is that of typography."""
    return f"{number:+.{digits}f}".replace("-", "−")


def decimals(number: float) -> str:
    """Write a number with three decimals."""
    return f"{number:.3f}"


def ordinal(number: int) -> str:
    """Write a rank, such as 1st, 2nd, 3rd, 11th."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{suffix}"
