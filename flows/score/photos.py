"""Which photos of a labelled folder or CSV a model is scored on, and why the others are left out."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from configs.schema import Config, FilterConfig
from flows.check.source import Photo, list_photos
from tasks.filter import image_stats
from tasks.filter.groups import split_groups
from tasks.filter.near_duplicates import NearDuplicates
from tasks.images.memory import PhotoTooLargeError
from tasks.names import alike_key, nfc, visible
from tasks.store.errors import UserError
from tasks.store.progress import Progress
from tasks.text import first_few

if TYPE_CHECKING:
    import pandas as pd

UNREADABLE, SEEN, UNKNOWN, TWICE, CONTRADICTED = "unreadable", "seen", "unknown class", "listed twice", "two classes"
"""Why a photo isn't scored: it can't be read; the model was trained on it, or chosen or calibrated by it; the model
doesn't know its class; the same bytes are listed already, or with another class."""


class LeftOut(NamedTuple):
    """A photo that isn't scored."""

    name: str
    label: str
    """Its class, as the source writes it."""
    reason: str
    """One of the reasons of this module."""
    detail: str = ""
    """What is wrong with the file, if it can't be read."""


@dataclass(frozen=True)
class Labelled:
    """The labelled photos of a source."""

    photos: "pd.DataFrame"
    """Those to score: photo (SHA-256), name, path, label (the model's name of the class) and group."""
    left_out: list[LeftOut]
    notes: list[str]
    """One line for each kind of thing that isn't used as it is given."""


class _Read(NamedTuple):
    """A readable photo."""

    photo: Photo
    label: str | None
    """The model's name of its class; None: the model doesn't know it."""
    digest: str
    stats: NDArray[np.void]


def find_photos(
    config: Config,
    known: Sequence[str],
    seen: Collection[str],
    *,
    unknown_label: str | None,
    threads: Executor,
    progress: Progress,
) -> Labelled:
    """List and read the labelled photos of a folder or of a CSV.

    Args:
        config: Its section `crawl` says what to list, see `flows.check.source.config_of`; `filter` says what a near
            duplicate is, and which photos are of one group.
        known: The classes that the model knows.
        seen: SHA-256 of the photos that it was trained on or chosen by.
        unknown_label: Its answer for photos of unknown classes; None: it has no such answer.
        threads: Read the photos.
        progress: Reports how many photos are read.

    Raises:
        UserError: The source can't be used, or the model knows none of its classes.
    """
    listed, missing, notes = list_photos(config, to_train=False)
    if any(photo.file is None for photo in listed):
        raise UserError(f"{config.crawl.path} lists URLs, but only photos on this machine can be scored")
    classes, renamed = match_classes({photo.label for photo in listed}, known)
    if not classes and not unknown_label:
        given, names = ({visible(name) for name in each} for each in ({photo.label for photo in listed}, known))
        raise UserError(
            f"{config.crawl.path}: the model knows none of its classes ({first_few(sorted(given))}); it knows "
            f"{first_few(sorted(names))}; use these names, or give another model (--model)"
        )
    left_out = [LeftOut(name, "", UNREADABLE, "it isn't there") for name in missing]
    readable: list[_Read] = []
    for photo, found in zip(listed, _read_all(listed, threads, progress), strict=True):
        if isinstance(found, str):
            left_out.append(LeftOut(photo.name, photo.label, UNREADABLE, found))
        else:
            readable.append(_Read(photo, classes.get(photo.label, unknown_label), *found))
    labels: dict[str, set[str]] = {}
    for each in readable:
        labels.setdefault(each.digest, set()).add(each.photo.label)
    scored: dict[str, _Read] = {}
    for each in readable:
        if reason := _reason(each, seen, labels[each.digest], scored):
            left_out.append(LeftOut(each.photo.name, each.photo.label, reason))
        else:
            scored[each.digest] = each
    return Labelled(_table(list(scored.values()), config.filter), left_out, [*notes, *renamed])


def match_classes(given: Iterable[str], known: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Find the model's name of each class that is given.

    A name that the model hasn't got stands for the only one of its names that people would take for the same: `Glass `
    for `glass`, see `tasks.names.alike_key`.

    Returns:
        The model's name by the given one, without those that the model doesn't know; and a line for each that differs.
    """
    exact = {nfc(name): name for name in known}
    alike: dict[str, list[str]] = {}
    for name in known:
        alike.setdefault(alike_key(name), []).append(name)
    found: dict[str, str] = {}
    notes = []
    for name in sorted(given):
        candidates = [exact[nfc(name)]] if nfc(name) in exact else alike.get(alike_key(name), [])
        if len(candidates) == 1:
            found[name] = candidates[0]
            if name != candidates[0]:
                notes.append(f"class {visible(name)!r} is taken for the model's {visible(candidates[0])!r}")
    return found, notes


def _read_all(
    listed: Sequence[Photo], threads: Executor, progress: Progress
) -> Iterator[tuple[str, NDArray[np.void]] | str]:
    """Yield SHA-256 and statistics of each photo, or why it can't be read."""
    with progress("photos read", total=len(listed)) as advance:

        def read(photo: Photo) -> tuple[str, NDArray[np.void]] | str:
            assert photo.file is not None
            try:
                data = photo.file.read()
                stats = image_stats.compute_stats(data)
            except OSError as error:
                return error.strerror or str(error)
            except PhotoTooLargeError as error:
                return str(error)
            finally:
                advance(1)
            flaw: bytes = stats["flaw"].item()
            return flaw.decode() or (hashlib.sha256(data).hexdigest(), stats)

        yield from threads.map(read, listed)


def _reason(each: _Read, seen: Collection[str], labels: Collection[str], scored: Mapping[str, object]) -> str:
    """Say why a photo isn't scored; empty if it is."""
    if each.digest in seen:
        return SEEN
    if each.label is None:
        return UNKNOWN
    if len(labels) > 1:
        return CONTRADICTED
    return TWICE if each.digest in scored else ""


def _table(scored: Sequence[_Read], config: FilterConfig) -> "pd.DataFrame":
    """Return the photos with their groups: near duplicates, and what the source or a pattern puts together."""
    import pandas as pd

    assert all(each.photo.file for each in scored)
    rows = [
        (each.digest, each.photo.name, Path(each.photo.file.path if each.photo.file else ""), each.label)
        for each in scored
    ]
    table = pd.DataFrame(rows, columns=["photo", "name", "path", "label"])
    table["group"] = pd.Series([each.photo.group for each in scored], dtype=object)
    if not scored:
        return table
    stats = np.array([each.stats for each in scored], image_stats.STATS_DTYPE)
    if config.duplicate_bits is None:
        near = NearDuplicates.equal_files(stats, table["photo"].tolist())
    else:
        near = NearDuplicates.find(stats, config.duplicate_bits, mirrored=config.mirrored)
    return table.assign(group=split_groups(config, table, near.group))
