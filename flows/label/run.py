"""What the runs of a preset bring to the labelling: the photos that they have, the classes, and the model in use."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from configs.load import model_name
from configs.schema import Config
from flows.models.registry import Registry
from flows.predict.run_photos import folder_of
from flows.run_records import RunRecord, read_records
from tasks.names import nfc
from tasks.store.errors import UserError
from tasks.store.paths import inside
from tasks.store.store import Store
from tasks.tables.crawl import PHOTOS
from tasks.tables.filter import KEPT

_EXAMPLES_PER_CLASS = 20
"""Enough for logistic regression on a network's features; more cost seconds before the first proposal."""


@dataclass(frozen=True)
class KnownRun:
    """The newest run of a preset, and the model in use."""

    photos: frozenset[str] = frozenset()
    """SHA-256 of all photos that it crawled."""
    classes: tuple[str, ...] = ()
    champion: RunRecord | None = None
    examples: list[tuple[Path, str]] = field(default_factory=list)
    """Some photos of each class, if there is no model in use; none of them is in the test."""


def known_run(root: Path, config: Config, preset: str) -> KnownRun:
    """Read what the runs of a preset bring; empty if there is none.

    Raises:
        UserError: The record of a run, or the history of its models, is damaged.
    """
    name = model_name(config, preset)
    store = Store(root)
    records = [run for run in read_records(root) if nfc(run.model_name) == nfc(name)]
    champion = next((run for run in records if run.id == Registry(root, name).champion() and run.model), None)
    for run in records:
        if folder := folder_of(store, run, "crawl"):
            table = PHOTOS.read(folder, ["photo", "label"])
            classes = tuple(sorted({str(label) for label in table["label"]}))
            examples = [] if champion else _examples(store, run)
            return KnownRun(frozenset(table["photo"]), classes, champion, examples)
    return KnownRun(champion=champion)


def _examples(store: Store, run: RunRecord) -> list[tuple[Path, str]]:
    """Return some photos of each class that aren't in the test, with their classes."""
    folder = folder_of(store, run, "filter")
    if folder is None:
        return []
    table = KEPT.read(folder, ["file", "label", "split"])
    table = table[table["split"] != "test"]
    found: list[tuple[Path, str]] = []
    count: Counter[str] = Counter()
    for file, label in zip(table["file"], table["label"], strict=True):
        if count[label] < _EXAMPLES_PER_CLASS:
            count[label] += 1
            try:
                found.append((inside(store.root, file), str(label)))
            except (UserError, ValueError):  # it is gone
                continue
    return found
