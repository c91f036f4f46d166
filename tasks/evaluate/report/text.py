"""The text of the report: the rows of its tables, some sentences, and the format of numbers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tasks.evaluate.names import OUTCOMES, SCORES, baselines_of, says_something
from tasks.text import SPACE, interval, interval_text, is_percentage, percent, score_text


def subject(settings: Mapping[str, Mapping[str, Any]], metrics: Mapping[str, Any]) -> str:
    """Describe the network, its input and the train photos in a line; `settings`: the config of each stage."""
    train, pretrain = settings.get("train", {}), settings.get("pretrain", {})
    tile, recipe = settings.get("preprocess", {}), metrics.get("recipe", {})
    colour = {"rgb": "RGB", "grey": "grey"}.get(tile.get("colour", ""), "")
    tiles = f"{tile.get('side_px', '?')}{SPACE}px {colour} tiles"
    encoder = str(pretrain.get("encoder", "none"))
    if encoder in ("autoencoder", "none"):
        codes = encoder == "autoencoder"
        start = "from scratch" if not codes or train.get("network_weights", "none") == "none" else "pretrained"
        network = f"{train.get('network', 'a network')}, {start},"
        inputs = f"an autoencoder's codes of {tiles}" if codes else tiles
        if codes and recipe.get("inputs") == "tiles":
            inputs += ", fine-tuned through its encoder"
    else:
        network = f"{encoder}, pretrained and {'frozen' if recipe.get('frozen') else 'fine-tuned'},"
        inputs = tiles
    if recipe.get("recipe") == "logistic":
        nearest, both = "the nearest photo", "logistic regression and the nearest photo"
        network = {"nearest": nearest, "blend": both}.get(recipe.get("infer_from", ""), "logistic regression")
        if encoder != "autoencoder":
            network += f" on the features of {encoder}"
    parts = ("train", "val") if recipe.get("refitted") else ("train",)
    count = sum(row[part] for row in metrics["per_class"] if row["train"] for part in parts)
    photos = f"{count:,} photos of {metrics['trained_classes']:,} classes"
    return f"{network} on {inputs}; trained on {photos}."


def given_split(splits: Iterable[object]) -> str:
    """Say how many photos came with a split; empty if none did. `splits`: the column of the crawl's table."""
    counts = Counter(split for split in splits if isinstance(split, str))
    parts = ", ".join(f"{part} {counts[part]:,}" for part in ("train", "val", "test") if counts[part])
    return f"The split was given with the photos: {parts}." if parts else ""


def priors(settings: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Describe which class frequencies the training and the scores assume.

    Args:
        settings: The section of the train stage.
        metrics: The content of metrics.json.
    """
    imbalance = settings.get("imbalance", {})
    method = imbalance.get("method", "none")
    strength = {"none": 0, "focal": 0, "weights": imbalance.get("power"), "logit_adjustment": imbalance.get("strength")}
    if method == "auto":
        assumed = "with the treatment of uneven classes that validation chose"
    elif strength.get(method) == 0:
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
    """Describe the calibration and its error; empty if the probabilities are not calibrated."""
    found = metrics.get("calibration")
    if not found or not found.get("calibrated", found["photos"] > 0):
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


def score_rows(metrics: Mapping[str, Any], scores: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Make the rows of a table of scores, the headline metric first.

    Scores that say nothing are left out, see `says_something`.

    Args:
        metrics: The content of metrics.json.
        scores: The scores to show; default: those of the test split.
    """
    test, headline = metrics["test"], metrics["headline"]
    measured = scores or test["scores"]
    for name in sorted(SCORES, key=lambda name: name != headline):
        title, meaning = (each.format(**test) for each in SCORES[name])
        if name not in measured or not says_something(name, metrics):
            continue
        score = measured[name]
        against = [score["against"][baseline] for baseline in baselines_of(score)]
        yield {
            "name": name,
            "title": capitalised(title),
            "meaning": meaning,
            "value": score_text(name, score["value"]),
            "interval": interval_text(name, score["low"], score["high"]),
            "baselines": [
                {
                    "value": score_text(name, each["value"]),
                    "verdict": each["verdict"],
                    "outcome": OUTCOMES[each["verdict"]],
                }
                for each in against
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


def signed_value(name: str, difference: float) -> str:
    """Write a difference of a score with its sign, in points of a percentage or as a decimal number."""
    return signed(difference * 100) if is_percentage(name) else signed(difference, 3)


def difference_text(name: str, difference: Mapping[str, float]) -> str:
    """Write a difference of a score with its interval, such as +4.1 points (−1.7 to +9.9)."""
    value, low, high = (signed_value(name, difference[key]) for key in ("value", "low", "high"))
    return f"{value}{' points' if is_percentage(name) else ''} ({low} to {high})"


def capitalised(title: str) -> str:
    """Begin a title with a capital letter, but leave names such as mAP@5."""
    return title if title[1:2].isupper() else f"{title[0].upper()}{title[1:]}"


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
