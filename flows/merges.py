"""What is merged if two machines with one bucket change it at the same time: decisions of people and of runs."""

from pathlib import Path

from flows import model_names
from flows.models import registry
from tasks.crawl import blocklist
from tasks.filter import review_log, review_merge
from tasks.store.bucket.conflicts import Merges


def _decisions(root: Path, other: Path, base: Path) -> None:
    """Merge decisions about photos. Their log loses no rows: an undo is a row, too."""
    review_merge.merge(root, other)


def _history(root: Path, other: Path, base: Path) -> None:
    """Merge decisions about models. A history loses none: a rollback is a decision, too."""
    registry.merge(root, other)


def _nothing(root: Path, other: Path, base: Path) -> None:
    """Merge nothing: it is a copy of a file that is merged."""


MERGES: Merges = {
    review_log.NAME: _decisions,
    blocklist.NAME: blocklist.merge,
    model_names.FILE: model_names.merge,
    f"{registry.FOLDER}/": _history,
    f"{registry.COPIES}/": _nothing,
}
