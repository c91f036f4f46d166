"""Apply the decisions of people to the photos of a crawl: a decision follows its photo when its class was renamed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.filter.review_log import NAME, Decision, ReviewKey
from tasks.names import nfc
from tasks.text import first_few

_SHOWN = 3


@dataclass(frozen=True)
class AppliedDecisions:
    """The decisions about the photos of a crawl."""

    by_key: dict[ReviewKey, Decision]
    """Per photo and class of the crawl: the decision that is applied to it."""
    decided_as: dict[ReviewKey, ReviewKey]
    """For those that were made under another name of the class: the photo and class in the log."""
    notes: list[str]
    """One line for each kind of decision that isn't applied as it was made."""


def apply_decisions(decisions: Mapping[ReviewKey, Decision], crawled: Iterable[ReviewKey]) -> AppliedDecisions:
    """Find the photo and class of a crawl that each decision is about.

    A decision about a class that the crawl has no more is applied to the only class that its photo has now. If the
    photo has several, or the class of the decision still has other photos, then the photo was sorted anew, and the
    decision isn't applied. Of several decisions about one photo and class, the latest counts. A move to a class that
    was renamed goes to its new name; a move to the class that the photo is in now is done.

    Args:
        decisions: The decisions in effect, in the order in which they were made.
        crawled: All photos and classes of the crawl.
    """
    labels: dict[str, dict[str, str]] = {}
    classes: dict[str, str] = {}
    for photo, name in crawled:
        labels.setdefault(photo, {})[nfc(name)] = name
        classes[nfc(name)] = name
    renamed = _renamed(decisions, labels, classes)
    applied: dict[ReviewKey, Decision] = {}
    decided_as: dict[ReviewKey, ReviewKey] = {}
    replaced: list[ReviewKey] = []
    absent: list[ReviewKey] = []
    elsewhere: list[ReviewKey] = []
    new_classes: Counter[str] = Counter()
    for key, decision in decisions.items():
        now = labels.get(key.photo, {})
        to = classes.get(nfc(decision.to)) or renamed.get(nfc(decision.to)) or decision.to
        label: str | None = now.get(nfc(key.label))
        if label is None and len(now) == 1 and (nfc(key.label) not in classes or nfc(to) in now):
            label = next(iter(now.values()))
        if label is None:
            (elsewhere if now else absent).append(key)
            continue
        current = ReviewKey(key.photo, label)
        if (earlier := applied.pop(current, None)) and (earlier.action, earlier.to) != (decision.action, to):
            replaced.append(decided_as.get(current, current))
        decided_as.pop(current, None)
        if to == label:
            continue
        applied[current] = replace(decision, key=current, to=to)
        if current != key:
            decided_as[current] = key
    for decision in applied.values():
        new_classes.update([decision.to] if decision.to and nfc(decision.to) not in classes else [])
    notes = [*_notes(decided_as, absent, elsewhere, labels), *_replaced(replaced), *_to(new_classes)]
    return AppliedDecisions(applied, decided_as, notes)


def _renamed(
    decisions: Iterable[ReviewKey], labels: Mapping[str, Mapping[str, str]], classes: Mapping[str, str]
) -> dict[str, str]:
    """Return the new name of each class that the crawl has no more, if its photos are all in one class now."""
    found: dict[str, set[str]] = {}
    for photo, label in decisions:
        if nfc(label) not in classes and photo in labels:
            found.setdefault(nfc(label), set()).update(labels[photo].values())
    return {label: names.pop() for label, names in found.items() if len(names) == 1}


def _notes(
    decided_as: Mapping[ReviewKey, ReviewKey],
    absent: Sequence[ReviewKey],
    elsewhere: Sequence[ReviewKey],
    labels: Mapping[str, Mapping[str, str]],
) -> list[str]:
    notes = []
    if pairs := Counter((old.label, new.label) for new, old in decided_as.items() if nfc(old.label) != nfc(new.label)):
        shown = ", ".join(f"{old!r} is {new!r} now ({count:,})" for (old, new), count in pairs.most_common(_SHOWN))
        notes.append(
            f"{NAME}: {sum(pairs.values()):,} decisions about classes that have another name now are applied to their "
            f"photos there: {shown}"
        )
    if elsewhere:
        shown = first_few([f"{_text(key)}, now {' and '.join(labels[key.photo].values())}" for key in elsewhere])
        notes.append(
            f"{NAME}: {len(elsewhere):,} decisions are not applied, because their photos are in other classes now: "
            f"{shown}; review these photos again"
        )
    if absent:
        shown = first_few([_text(key) for key in absent])
        notes.append(
            f"{NAME}: {len(absent):,} decisions are about photos that the crawl doesn't have: {shown}; if these photos "
            "were changed, review them again"
        )
    return notes


def _replaced(replaced: Sequence[ReviewKey]) -> list[str]:
    """Return a line about decisions that a later one about the same photo contradicts, since classes became one."""
    if not replaced:
        return []
    shown = first_few([_text(key) for key in replaced])
    return [
        f"{NAME}: {len(replaced):,} decisions are not applied, because their class is one with another now, and a "
        f"later decision about the same photo is different: {shown}; review these photos again"
    ]


def _to(new_classes: Counter[str]) -> list[str]:
    """Return a line about photos that are moved to a class without a photo of its own."""
    if not new_classes:
        return []
    shown = ", ".join(f"{label!r} ({count:,})" for label, count in new_classes.most_common(_SHOWN))
    return [
        f"{NAME}: {sum(new_classes.values()):,} photos are moved to classes of which the crawl has no photo: {shown}; "
        "if such a class was renamed, review these photos again"
    ]


def _text(key: ReviewKey) -> str:
    return f"{key.photo[:12]} in {key.label!r}"
