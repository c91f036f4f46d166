"""What is merged if two machines with one bucket change it at the same time: decisions of people and of runs."""

from pathlib import Path

from flows import model_names
from flows.models import registry
from tasks.crawl import blocklist
from tasks.filter import review_log, review_merge
from tasks.store.bucket.conflicts import Merges


def _nothing(root: Path, other: Path) -> None:
    """Merge nothing: it is a copy of a file that is merged."""


MERGES: Merges = {
    review_log.NAME: review_merge.merge,
    blocklist.NAME: blocklist.merge,
    model_names.FILE: model_names.merge,
    f"{registry.FOLDER}/": registry.merge,
    f"{registry.COPIES}/": _nothing,
}
