"""Find the files that a description names on this machine: beside it, and in zip and tar files beside it."""

import fnmatch
import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tasks.crawl.listing.annotations.croissant.description import Croissant, Resource
from tasks.crawl.listing.archive import archive_members, is_hidden
from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.listed_files import file_at
from tasks.crawl.listing.tar_file import compression, without_compression
from tasks.crawl.listing.tree import is_photo_name, list_tree
from tasks.store.errors import UserError
from tasks.text import first_few


class Dataset(NamedTuple):
    """A description, and where it is."""

    described: Croissant
    path: Path

    @property
    def folder(self) -> Path:
        """The folder that its files are in."""
        return self.path.parent


class Found(NamedTuple):
    """A file of a set."""

    container: str
    """The name of the archive that it is in; empty: the folder of the description."""
    fullpath: str
    """Its path in there."""
    file: LocalFile

    @property
    def name(self) -> str:
        """The name of the photo; those in archives begin with the name of the archive."""
        return f"{self.container}/{self.fullpath}" if self.container else self.fullpath


def local_file(resource: Resource, dataset: Dataset) -> Path | None:
    """Return a file on this machine: where the URL says, or under its name beside the description.

    Raises:
        UserError: The description names a file outside of its own folder.
    """
    parts = urlsplit(resource.url)
    last = unquote(parts.path).rpartition("/")[2]
    names = [last, resource.name, resource.id, f"{last}.zip" if resource.is_archive() else ""]
    if not parts.scheme:
        if _leads_out(resource.url) or _leads_out(unquote(resource.url)):
            raise UserError(
                f"{dataset.path}: contentUrl of {resource.key} is {resource.url}, which leads out of "
                f"{dataset.folder}; put the file into that folder, and correct contentUrl"
            )
        names = [resource.url, unquote(resource.url), *names]
    for name in names:
        if not name or _leads_out(name):
            continue
        path = dataset.folder / name
        for candidate in (path, without_compression(path)) if compression(path) else (path,):
            if file_at(candidate):
                return candidate
    return None


def files_of(resource: Resource, dataset: Dataset) -> tuple[list[Found], list[str]]:
    """Return the photos of a file set, and a line about files that it includes and that are no photos.

    Raises:
        UserError: An archive isn't on this machine or can't be read, the set is in something else, or it has no photos.
    """
    found: list[Found] = []
    others: list[str] = []
    for one in _below(resource, dataset):
        if not _includes(resource, one):
            continue
        if is_photo_name(one.fullpath):
            found.append(one)
        else:
            others.append(one.name)
    if not found:
        raise UserError(
            f"{dataset.path}: {resource.key} includes {_patterns(resource)}, and no photo in "
            f"{_places(resource, dataset)} has such a name; download the dataset again, or correct the description"
        )
    note = f"{dataset.path}: {len(others):,} files of {resource.key} have no photo's extension and are left out: "
    return found, [note + first_few(others)] if others else []


def parquet_files(resource: Resource, dataset: Dataset) -> list[tuple[str, Path]]:
    """Return the Parquet files that a description means, each with its path below the folder of the description.

    Raises:
        UserError: There are none, or they are in an archive.
    """
    for container in _containers(resource, dataset):
        if container:
            raise UserError(
                f"{dataset.path}: {resource.key} are Parquet files in {container.key}, which can't be read in there; "
                f"unpack them into {dataset.folder}, and remove containedIn from the description"
            )
    folder = dataset.folder
    if not resource.includes:
        path = local_file(resource, dataset)
        return [(path.relative_to(folder).as_posix(), path)] if path else _no_parquet(resource, dataset)
    below = sorted(path for path in folder.rglob("*.parquet") if file_at(path))
    named = [(path.relative_to(folder).as_posix(), path) for path in below]
    return [pair for pair in named if _matches(resource, pair[0])] or _no_parquet(resource, dataset)


def archive_files(resource: Resource, dataset: Dataset) -> Iterator[Found]:
    """Yield the files in an archive, without hidden ones.

    Raises:
        UserError: The archive isn't on this machine, or it can't be read.
    """
    if not (path := local_file(resource, dataset)):
        raise UserError(
            f"{dataset.path}: the archive {resource.url or resource.key} is not on this machine; put it into "
            f"{dataset.folder}"
        )
    for member in archive_members(path):
        if member.file and not is_hidden(member.name):
            yield Found(path.name, member.name, member.file)


def _below(resource: Resource, dataset: Dataset) -> Iterator[Found]:
    for container in _containers(resource, dataset):
        if container:
            yield from archive_files(container, dataset)
        else:
            yield from (Found("", name, file) for name, file in list_tree(dataset.folder).photos)


def _containers(resource: Resource, dataset: Dataset) -> Iterator[Resource | None]:
    """Yield the archives that files are in; None: the folder of the description."""
    if not resource.contained_in:
        yield None
    for key in resource.contained_in:
        container = dataset.described.resource(key)
        if not container:
            raise UserError(
                f"{dataset.path}: {resource.key} is contained in {key}, which the description doesn't have; correct it"
            )
        if container.is_folder():
            yield None
        elif not container.is_archive():
            raise UserError(
                f"{dataset.path}: {resource.key} is contained in {key} "
                f"({', '.join(container.formats) or 'no format'}), neither a zip nor a tar file; unpack it into "
                f"{dataset.folder}, and remove containedIn from the description"
            )
        elif any(outer and outer.is_archive() for outer in map(dataset.described.resource, container.contained_in)):
            raise UserError(
                f"{dataset.path}: {key} is an archive in an archive; unpack the outer one into {dataset.folder}, "
                f"and remove containedIn of {key} from the description"
            )
        else:
            yield container


def _includes(resource: Resource, one: Found) -> bool:
    return _matches(resource, one.fullpath) or (bool(one.container) and _matches(resource, one.name))


def _matches(resource: Resource, fullpath: str) -> bool:
    """Whether a set includes a path: `*` stands for any characters, also for `/` (mlcroissant does so)."""
    if any(_glob(pattern).match(fullpath) for pattern in resource.excludes):
        return False
    return not resource.includes or any(_glob(pattern).match(fullpath) for pattern in resource.includes)


@lru_cache
def _glob(pattern: str) -> re.Pattern[str]:
    plain = pattern.removeprefix("./")
    either = {plain, plain.replace("**/", "")}  # ** may also stand for no folder
    return re.compile("|".join(map(fnmatch.translate, sorted(either))))


def _leads_out(name: str) -> bool:
    path = posixpath.normpath(name.replace("\\", "/"))
    return path.startswith("/") or path == ".." or path.startswith("../")


def _patterns(resource: Resource) -> str:
    return " and ".join(resource.includes) or "all files"


def _places(resource: Resource, dataset: Dataset) -> str:
    return " and ".join(resource.contained_in) or str(dataset.folder)


def _no_parquet(resource: Resource, dataset: Dataset) -> list[tuple[str, Path]]:
    raise UserError(
        f"{dataset.path}: no Parquet file {_patterns(resource) if resource.includes else resource.url} below "
        f"{dataset.folder}; download it there (`hf download NAME --repo-type dataset --revision "
        "refs/convert/parquet --local-dir FOLDER`), or set crawl.sources=huggingface to read the files that "
        "are there"
    )
