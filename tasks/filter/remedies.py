"""Which settings decide about each reason, for messages: what they are, and how to switch the rule off."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from configs.schema import FilterConfig
from tasks.filter.checks import CHECKS
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.rules import DUPLICATE, FACES, NEAR_DUPLICATE, TWO_CLASSES, Verdict

UNTRAINED = "nothing to train on"
"""The reason of photos whose class has no train photo left."""
_SETTINGS = {check.reason: check.setting for check in CHECKS} | {
    FACES: "faces",
    "outlier": "max_outlier",
    "wrong label": "max_label_doubt",
    NEAR_DUPLICATE: "duplicate_bits",
}
"""The setting that says where a rule begins; null switches the rule off."""
_EXPLANATIONS = {
    TWO_CLASSES: "filter.drop_contradictions=false keeps them",
    NEAR_DUPLICATE: "filter.duplicate_bits=null keeps them",
    DUPLICATE: "filter.drop_duplicates=false keeps them",
    "unseen class": "they are in groups with photos that are trained on, and filter.unseen_classes names their class",
    UNTRAINED: "all others of their class are gone or held out, or share a group with photos that are",
    "by hand": "see data/decisions.csv",
    "unreadable": "their files are damaged, or no photos",
    "truncated": "their files are cut off",
    "too many pixels": "more than fluke decodes; shrink them",
    "not a photo": "their files contain something else; replace or remove them",
    "empty file": "copy or download them again",
    "web page": "download the photos themselves",
    "Git LFS pointer": "run `git lfs pull` in their folder, then --fresh crawl",
    "git-annex pointer": "run `git annex get` in their folder, then --fresh crawl",
    "cloud placeholder": "download them to this machine, then --fresh crawl",
}

_KINDS = {
    TWO_CLASSES: {
        "mirror": "mirror images of another class's photos: {count:,} (filter.mirrored=false if they differ)",
        "near": "like photos of another class: {count:,} (filter.duplicate_bits=null if they differ)",
        "file": "the same file in two classes: {count:,} (filter.drop_contradictions=false if both are right)",
    },
    NEAR_DUPLICATE: {
        "mirror": "mirror images: {count:,} (filter.mirrored=false if they differ)",
        "near": "like others of their class: {count:,} (filter.duplicate_bits=null if they differ)",
    },
}
"""For each kind of likeness, the setting for those who mean it so."""


def explained(reason: str, count: int, mirrored: int = 0) -> str:
    """Say how many photos were rejected for a reason, and which setting keeps them: `12 too dark (...)`.

    Args:
        reason: The reason.
        count: Number of photos.
        mirrored: How many of them are rejected only because they are mirror images of others.
    """
    name = _SETTINGS.get(reason)
    why = _EXPLANATIONS.get(reason) or (f"filter.{name}=null keeps them" if name else "")
    if mirrored:
        why = "as mirror images: filter.mirrored=false keeps them" + (
            "" if mirrored == count else f"; this holds for {mirrored:,}, and {why}"
        )
    return f"{count:,} {reason}" + (f" ({why})" if why else "")


def setting(reason: str, config: FilterConfig) -> str:
    """Return the setting that says where a rule begins, such as ` (filter.dark_level=60)`; empty if it has none."""
    name = _SETTINGS.get(reason)
    return f" (filter.{name}={getattr(config, name)})" if name else ""


def switches(
    reason: str, failing: Iterable[tuple[int, Verdict]], photos: Sequence[str], near_duplicates: NearDuplicates
) -> list[str]:
    """Return what the user can set so that no row fails for this reason, and what it does.

    Args:
        reason: The reason of all verdicts.
        failing: The rows that fail, and the verdicts on them.
        photos: SHA-256 of each row's photo.
        near_duplicates: Those among the rows.
    """
    if reason not in (NEAR_DUPLICATE, TWO_CLASSES):
        return [f"filter.{_SETTINGS[reason]}=null switches this check off"]
    twins = {row: verdict.duplicate_of for row, verdict in failing if verdict.duplicate_of is not None}
    mirrored = mirrored_rows(reason, twins, near_duplicates)
    kinds = Counter(
        "mirror" if row in mirrored else "file" if photos[row] == photos[twin] else "near"
        for row, twin in twins.items()
    )
    texts = [text.format(count=kinds[kind]) for kind, text in _KINDS[reason].items() if kinds[kind]]
    return texts + ["filter.drop_near_duplicates=false keeps each group in one split"] * (reason == NEAR_DUPLICATE)


def mirrored_rows(reason: str, twins: Mapping[int, int], near_duplicates: NearDuplicates) -> set[int]:
    """Return the rows that would not fail for this reason if mirror images didn't count.

    Args:
        reason: NEAR_DUPLICATE or TWO_CLASSES.
        twins: The rows that fail, and the row that each of them duplicates or contradicts.
        near_duplicates: Those among the rows.
    """
    if reason == NEAR_DUPLICATE:
        return near_duplicates.only_mirrored(twins)
    return {row for row, twin in twins.items() if near_duplicates.is_mirror_image(row, twin)}
