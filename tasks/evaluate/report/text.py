"""What the numbers say: the verdict in sentences, the headline's rows, and how figures are written."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.text import SPACE, percent

_SCORES = {
    "accuracy": ("Accuracy", "photos whose first answer is right"),
    "balanced_accuracy": ("Balanced accuracy", "mean recall of the classes, rare ones counting as much"),
    "macro_f1": ("Macro F1", "mean over the classes of precision and recall in one"),
    "weighted_f1": ("Weighted F1", "the same, each class counting by its photos"),
    "top_k_accuracy": ("Top-{top_k} accuracy", "photos whose class is among the first {top_k} answers"),
    "map_at_5": ("mAP@5", "mean of 1/rank of the right class among five answers"),
    "log_loss": ("Log loss", "how surprising the right class was; lower is better"),
}
_PERCENTAGES = frozenset({"accuracy", "balanced_accuracy", "top_k_accuracy"})


OTHERS = {"commonest": "commonest class", "nearest": "nearest photo", "champion": "last model"}
"""What the classifier is compared with, as the page calls it."""
OUTCOMES = {"better": "beaten", "worse": "ahead of it", "undecided": "undecided"}
"""What a verdict on the classifier says of the other."""


def verdict(metrics: Mapping[str, Any]) -> list[str]:
    """What came out, in sentences of plain text, the most important first."""
    test, commonest = metrics["test"], metrics["commonest"][0]
    accuracy, f1 = test["scores"]["accuracy"], test["scores"]["macro_f1"]["against"]["commonest"]
    against, photos = accuracy["against"]["commonest"], metrics["photos"]["test"]
    said = [
        f"{percent(accuracy['value'])} of {photos:,} test {'photo' if photos == 1 else 'photos'} right "
        f"(95{SPACE}% interval {between(accuracy, percentage=True)}), the commonest class alone gives "
        f"{percent(against['value'])}."
    ]
    gain = _gain(against)
    match against["verdict"]:
        case "better":
            said.append(f"That beats always answering “{commonest}” by more than luck: {gain}.")
        case "worse":
            said.append(f"Always answering “{commonest}” would be right more often: {gain}.")
        case _:
            said.append(
                f"That is no proof of being better than always answering “{commonest}”: the difference, "
                f"{gain}, may be luck. More test photos would tell."
            )
    if f1["verdict"] != against["verdict"]:
        beats = {"better": "it is better than", "worse": "it is worse than"}
        how = beats.get(f1["verdict"], "it is not shown to be better than")
        value = test["scores"]["macro_f1"]["value"]
        said.append(f"Where every class counts the same (macro F1), {how} that: {value:.3f} against {f1['value']:.3f}.")
    return [*said, *_nearest(metrics), *_champion(metrics), *_unknown(metrics)]


def subject(settings: Mapping[str, Mapping[str, Any]], metrics: Mapping[str, Any]) -> str:
    """What was trained on what, in a line; settings: the config of each stage."""
    train, tile = settings.get("train", {}), settings.get("preprocess", {})
    network = str(train.get("network", "a network"))
    if weights := train.get("weights"):
        source = "ImageNet" if weights == "imagenet" else Path(weights).stem
        network += f", pretrained ({source}) and {'trained further' if train.get('unfreeze') else 'frozen'},"
    else:
        network += ", from scratch,"
    colour = {"rgb": "RGB", "grey": "grey"}.get(tile.get("colour", ""), "")
    tiles = f"{tile.get('side_px', '?')}{SPACE}px {colour} tiles"
    taken = f"an autoencoder's codes of {tiles}" if train.get("input") == "features" else tiles
    photos = f"{metrics['photos']['train']:,} photos of {metrics['trained_classes']:,} classes"
    return f"{network} on {taken}; {photos} to train on."


def _nearest(metrics: Mapping[str, Any]) -> Iterator[str]:
    if against := metrics["test"]["scores"]["accuracy"]["against"].get("nearest"):
        looked_up = f"Looking up the most similar train photo, untrained, gives {percent(against['value'])}"
        yield {
            "better": f"{looked_up}; training was worth {_gain(against)}.",
            "worse": f"{looked_up}, which is right more often: {_gain(against)}.",
            "undecided": f"{looked_up}; that training was worth anything is not shown: {_gain(against)}.",
        }[against["verdict"]]


def _champion(metrics: Mapping[str, Any]) -> Iterator[str]:
    if champion := metrics.get("champion"):
        against = champion["scores"]["accuracy"]["against"]["champion"]
        outcome = {"better": "better", "worse": "worse", "undecided": "no difference that couldn't be luck"}
        yield (
            f"Against the last model, of {champion['made_at']} UTC, on the {champion['photos']:,} test photos that "
            f"both answered: {outcome[against['verdict']]}, {_gain(against)}."
        )


def _unknown(metrics: Mapping[str, Any]) -> Iterator[str]:
    if unknown := metrics.get("unknown"):
        alarms, told = unknown.get("false_alarms"), unknown.get("recognised")
        recognised = f"{percent(told['value'])} are" if told else "none was tested,"
        yield (
            f"Of {unknown['photos']:,} photos of classes that it never saw, {recognised} answered “{unknown['label']}”"
            + (f"; of the others, {percent(alarms['value'])}." if alarms else ".")
        )


def _gain(against: Mapping[str, Any]) -> str:
    """A difference in points, with its interval."""
    difference = against["difference"]
    return f"{signed(difference['value'] * 100)} points ({span(difference)})"


def priors(settings: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """How common the classes were taken to be: by the training, and by the numbers."""
    imbalance = settings.get("imbalance", {})
    method = imbalance.get("method", "none")
    strength = {"none": 0, "focal": 0, "weights": imbalance.get("power"), "logit_adjustment": imbalance.get("strength")}
    if strength.get(method) == 0:
        learnt = "with the classes as common as they are among its photos"
    elif method != "effective" and (method != "weights" or imbalance["power"] == 1):
        learnt = "as if all classes were about equally common"
    else:
        learnt = "with rare classes counting for more than their share"
    return (
        f"The classifier was trained {learnt}. Accuracy, top-k accuracy, mAP@5 and log loss take the classes to be as "
        f"common as they are among the {metrics['photos']['test']:,} test photos; balanced accuracy and macro F1 take "
        "them to be equally common."
    )


def calibration_sentence(metrics: Mapping[str, Any]) -> str:
    """How far probabilities can be taken at their word; blank if nothing was calibrated."""
    found = metrics.get("calibration")
    if not found or not found["photos"]:
        return ""
    how, before = "", ""
    if "temperature" in found:
        how = f" (temperature {found['temperature']:.2f})"
        before = f", {percent(found['error_before'])} before"
    return (
        f"Probabilities are calibrated on {found['photos']:,} validation photos{how}: on the test photos, how sure the "
        f"classifier is and how often it is right are {percent(found['error'])} apart on average{before}."
    )


def headline(metrics: Mapping[str, Any], scores: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of the headline table; top-k accuracy is left out where there are no more than k classes.

    scores: those of the test photos, unless others are given.
    """
    test = metrics["test"]
    measured = scores or test["scores"]
    for name, (title, meaning) in _SCORES.items():
        is_certain = name == "top_k_accuracy" and test["top_k"] in (1, *range(metrics["classes"], 99))
        if name not in measured or is_certain:
            continue
        score, percentage = measured[name], name in _PERCENTAGES
        write = percent if percentage else decimals
        yield {
            "title": title.format(**test),
            "meaning": meaning.format(**test),
            "value": write(score["value"]),
            "interval": between(score, percentage=percentage),
            "others": [
                {"value": write(other["value"]), "verdict": other["verdict"], "outcome": OUTCOMES[other["verdict"]]}
                for other in score["against"].values()
            ],
        }


def by_class_frequency(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of `metrics["by_class_frequency"]`, each with what it is called and its numbers as they are written."""
    rows = []
    for bucket in metrics["by_train_photos"]:
        low, high = bucket["at_least"], bucket["at_most"]
        called = f"{low:,} or more" if high is None else f"{low:,}" if low == high else f"{low:,}–{high:,}"
        rows.append(
            {
                "called": called if high != 0 else "none",
                "classes": bucket["classes"],
                "photos": bucket["photos"],
                "share": bucket["accuracy"]["value"],
                "accuracy": percent(bucket["accuracy"]["value"]),
                "interval": between(bucket["accuracy"], percentage=True),
                "map_at_5": decimals(bucket["map_at_5"]["value"]),
                "map_interval": between(bucket["map_at_5"], percentage=False),
            }
        )
    return rows


def worst_classes(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of `metrics["per_class"]`, the worst recall first, classes without a test photo last."""
    rows: list[dict[str, Any]] = metrics["per_class"]
    return sorted(rows, key=lambda row: (row["recall"] is None, row["recall"] or 0, -row["test"]))


def between(score: Mapping[str, float], *, percentage: bool) -> str:
    """An interval such as 94.1–98.2 or 0.932–0.981."""
    scale, digits = (100, 1) if percentage else (1, 3)
    return f"{score['low'] * scale:.{digits}f}–{score['high'] * scale:.{digits}f}"


def span(difference: Mapping[str, float]) -> str:
    """A difference's interval in points, such as +71.3 to +85.0."""
    return f"{signed(difference['low'] * 100)} to {signed(difference['high'] * 100)}"


def signed(number: float) -> str:
    """A number with one decimal and its sign, a proper minus."""
    return f"{number:+.1f}".replace("-", "−")


def decimals(number: float) -> str:
    """Three decimals."""
    return f"{number:.3f}"
