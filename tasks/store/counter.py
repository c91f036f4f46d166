"""The counter of a data folder: it numbers runs, artifacts and decisions, so that no clock decides which is the newest.

    DATA/counter    the last number that was given

It never gives a number twice, and never a smaller one: each number is also above those in the records of runs, in the
manifests and in the decisions about models. So a counter that is missing, damaged or older than they are (a restored
backup) does no harm.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tasks.store.atomic import atomic_write
from tasks.store.bucket import copies
from tasks.store.permissions import file_lock

NAME = "counter"
_HEAD_BYTES = 64
"""So much of a record is read if the counter is intact: the number comes first."""
_NUMBER = re.compile(rb'"number":\s*([0-9]{1,30})\b')


def next_number(root: Path, *, everywhere: bool = False) -> int:
    """Return the next number, from 1; it is on the disk before this returns. Safe for several threads and processes.

    Args:
        root: The data folder.
        everywhere: Whether no other machine may get it, if the folder is the local copy of one in a bucket. Artifacts
            do without: they are published although the bucket can't be reached, and of equal numbers, their times
            decide.

    Raises:
        BucketError: The bucket can't be read or written.
        OSError: The data folder can't be written.
    """
    with file_lock(root / "locks" / "counter.lock"):
        last = _last(root / NAME)
        number = max([last or 0, *_given(root, head_only=last is not None)]) + 1
        if everywhere and (copy := copies.of(root)):
            number = copy.next_number(number)
        atomic_write(root / NAME, b"%d\n" % number)
    return number


def _last(path: Path) -> int | None:
    """Return the number in the counter's file; None if the file is missing or damaged."""
    try:
        text = path.read_bytes()
    except OSError:
        return None
    return int(text) if re.fullmatch(rb"[0-9]{1,30}\n", text) else None


def _given(root: Path, *, head_only: bool) -> Iterator[int]:
    """Yield the numbers in the records of runs, the manifests of artifacts and the decisions, also in damaged ones."""
    for pattern in ("runs/*.json", "artifacts/*/*/manifest.json", "models/*/*.json"):
        for path in root.glob(pattern):
            try:
                with path.open("rb") as file:
                    found = _NUMBER.findall(file.read(_HEAD_BYTES if head_only else -1))
            except OSError:  # it has just been pruned, or can't be read
                continue
            yield from map(int, found)
