"""List the photos of a folder or of a CSV as the crawl would; no photo is read."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from configs import no_effect
from configs.given import given_settings
from configs.load import load
from configs.overrides import replaced_overrides
from configs.schema import Config
from tasks.crawl.http.errors import FetchError
from tasks.crawl.http.urls import normalize_url
from tasks.crawl.listing import annotated, hugging_face, photo_csv
from tasks.crawl.listing.archive import is_archive
from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.folder import list_folder
from tasks.crawl.sources.urls import UrlList, list_urls
from tasks.file_names import missing_path
from tasks.store.csv_file import read_csv
from tasks.store.errors import UserError
from tasks.text import first_few

_LISTS = {"csv": photo_csv, "annotations": annotated, "huggingface": hugging_face}
"""The module that reads the lists of each source."""


class Photo(NamedTuple):
    """A photo, not decoded."""

    name: str
    label: str
    split: str
    """train, val or test if the source says so, else empty."""
    group: str | None
    file: LocalFile | None
    """None: it is a URL."""


def config_of(path: Path, overrides: Sequence[str]) -> Config:
    """Return the config to read a path with: that of the preset `default`, with the source that suits the path.

    Args:
        path: A folder with one sub-folder per class, a zip or tar file of it, a folder with train.csv, a CSV of photos
            or of URLs, a JSON file of annotations, or the folder of a Hugging Face dataset.
        overrides: Settings to change, such as `crawl.columns.label=species`; crawl.sources, too.
    """
    path_given = f"crawl.path={json.dumps(str(path), ensure_ascii=False)}"  # in quotes: it may be called null
    given = load("default", [path_given, *overrides])
    if any(override.startswith("crawl.sources=") for override in overrides):
        return given
    return load("default", [path_given, f"crawl.sources={_source(path, given)}", *overrides])


def setting_doubts(path: Path, config: Config, overrides: Sequence[str]) -> list[str]:
    """Return a line for each override that changes nothing or is replaced by another one."""
    sources = f"crawl.sources=[{','.join(config.crawl.sources)}]"
    given = given_settings("default", [sources, *overrides])
    return [*no_effect.notes(config, given), *replaced_overrides([f"crawl.path={path}", *overrides])]


def _source(path: Path, config: Config) -> str:
    path = path.expanduser()
    if not path.exists():
        raise UserError(missing_path(path))
    if path.is_dir():
        try:
            names = {entry.name.lower() for entry in path.iterdir()}
        except OSError as error:
            raise UserError(f"{path}: can't be read ({error.strerror or error}); make it readable") from error
        if hugging_face.is_dataset(path):
            return "huggingface"
        if annotated.is_annotated(path, config.crawl):
            return "annotations"
        return "csv" if "train.csv" in names else "folder"
    if is_archive(path):
        return "folder"
    if path.suffix.lower() == ".json":
        return "annotations"
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise UserError(
            f"{path}: give a folder with one sub-folder of photos per class, a zip or tar file of it, or a CSV or JSON "
            "file that lists photos"
        )
    names = {name.strip().lower() for name in read_csv(path).columns}
    return "urls" if config.crawl.columns.url.lower() in names else "csv"


def list_photos(config: Config, *, to_train: bool = True) -> tuple[list[Photo], list[str], list[str]]:
    """List the photos of the source; also return those of a folder that aren't there, and the notes of the source.

    Args:
        config: Its section `crawl` names the source.
        to_train: Whether they are to be trained on, which needs two classes.
    """
    crawl = config.crawl
    match crawl.sources:
        case ("folder",):
            assert crawl.path
            folder = list_folder(crawl.path.expanduser().absolute(), crawl.split, to_train=to_train)
            listed = [
                Photo(photo.name, label, photo.split or "", None, photo.file)
                for label, found in folder.classes.items()
                for photo in found
            ]
            missing = folder.missing
            lost = [f"{len(missing):,} photos aren't there: {first_few(missing)}"] if missing else []
            return listed, missing, [*folder.notes, *lost]
        case ("csv" | "annotations" | "huggingface" as source,):
            rows = _LISTS[source].list_photos(crawl, to_train=to_train)
            return (
                [Photo(row.name, row.label, row.given_split or "", row.group, row.file) for row in rows.photos],
                [],
                rows.notes,
            )
        case ("urls",):
            urls = list_urls(crawl)
            return (
                [
                    Photo(result.url, label, urls.splits.get((label, result.url)) or "", None, None)
                    for label, results in urls.candidates.items()
                    for result in results
                ],
                [],
                [*urls.notes, *_url_doubts(urls)],
            )
    raise UserError(
        f"crawl.sources={','.join(crawl.sources)}: check reads photos on this machine and lists of URLs only"
    )


def _url_doubts(urls: UrlList) -> Iterator[str]:
    """Yield a line for each reason for which URLs can't be downloaded."""
    problems: dict[str, list[str]] = {}
    listed = [result.url for results in urls.candidates.values() for result in results]
    for url in listed:
        try:
            normalize_url(url)
        except FetchError as error:
            problems.setdefault(str(error), []).append(url)
    for problem, found in problems.items():
        yield f"{len(found):,} of {len(listed):,} URLs can't be downloaded ({problem}): {first_few(found)}"
