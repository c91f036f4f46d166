"""Photos that a CSV names: beside the description, or in the zip and tar files that it describes."""

from pathlib import Path

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotations.croissant.description import Resource
from tasks.crawl.listing.annotations.croissant.files import Dataset, archive_files, local_file
from tasks.crawl.listing.annotations.croissant.records import MEANINGS, Records
from tasks.crawl.listing.files import LocalFile, read_file
from tasks.crawl.listing.listed_files import ListedFiles, find_files
from tasks.crawl.listing.member import plain_name
from tasks.crawl.listing.photo_list import ListPart
from tasks.crawl.listing.photo_rows import PhotoRows, read_rows
from tasks.file_names import NameIndex, find_names
from tasks.store import hashing
from tasks.store.errors import UserError


def read_table(records: Records, dataset: Dataset, config: CrawlConfig, folders: list[Path]) -> ListPart:
    """Read a table whose rows are photos, and find the photos.

    Args:
        records: Its fields.
        dataset: The description.
        config: Has the names of further columns.
        folders: Folders that the photos may be in.

    Raises:
        UserError: It isn't on this machine, or it can't be used.
    """
    image = records.values["image"]
    read = rows_of_table(image.resource, records, dataset, config, image.extract.column or "")
    names = [row.image for row in read.rows]
    listed = find_files(dataset.path, names, folders)
    archives = [one for one in dataset.described.distribution if one.is_archive() and local_file(one, dataset)]
    if archives and len(listed.files) < len(set(names)):
        listed = _in_archives(dataset, listed, archives)
    return ListPart(dataset.path, None, read, listed)


def rows_of_table(
    table: Resource, records: Records, dataset: Dataset, config: CrawlConfig, image_column: str
) -> PhotoRows:
    """Read the rows of a table.

    Args:
        table: The table.
        records: Says which other columns there are.
        dataset: The description.
        config: Has the names of further columns.
        image_column: The column that says which photo a row is about.

    Raises:
        UserError: It isn't on this machine, or it can't be used.
    """
    own = {
        meaning: value.extract.column
        for meaning in MEANINGS[1:]
        if (value := records.values.get(meaning)) and value.resource is table and value.extract.column
    }
    columns = config.columns.model_copy(update={**own, "image": image_column})
    place, content = _content(table, dataset)
    settings = config.model_copy(update={"columns": columns})
    read = read_rows(place, settings, needs_split=config.split == "folders", content=content)
    if not table.sha256 or hashing.of_bytes(content) == table.sha256.lower():
        return read
    note = f"{place} is not the file that {dataset.path} describes: its SHA-256 differs; it is used as it is"
    return PhotoRows(read.rows, read.incomplete, [*read.notes, note])


def _content(table: Resource, dataset: Dataset) -> tuple[Path, bytes]:
    """Return the path and the content of a table, which may be in an archive."""
    try:
        if found := local_file(table, dataset):
            return found, read_file(found)
        for archive in filter(None, map(dataset.described.resource, table.contained_in)):
            wanted = plain_name(table.url, is_folder=False)
            for one in archive_files(archive, dataset) if archive.is_archive() else ():
                if one.fullpath == wanted:
                    return Path(one.file.path), one.file.read()
    except OSError as error:
        raise UserError(
            f"{dataset.path}: the table {table.url} can't be read ({error.strerror or error}); download it again"
        ) from error
    raise UserError(
        f"{dataset.path}: the table {table.url or table.key} is not on this machine; put it and its photos "
        f"into {dataset.folder}"
    )


def _in_archives(dataset: Dataset, listed: ListedFiles, archives: list[Resource]) -> ListedFiles:
    """Find the photos that no folder has in the archives.

    Raises:
        UserError: A name can mean several files.
    """
    inside: dict[str, list[LocalFile]] = {}
    for archive in archives:
        for one in archive_files(archive, dataset):
            for name in (one.fullpath, one.name):
                inside.setdefault(name, []).append(one.file)
    found = find_names(listed.missing, NameIndex(inside), str(dataset.path))
    several = {name: [file.path for file in inside[known]] for name, known in found.found.items()}
    for name, meant in [*found.ambiguous.items(), *several.items()]:
        if len(meant) > 1:
            raise UserError(
                f"{dataset.path}: {name} can be {' or '.join(meant)}; write the names as the archives have them"
            )
    files = listed.files | {name: inside[known][0] for name, known in found.found.items()}
    return ListedFiles(listed.folder, files, found.missing, [*listed.notes, *found.notes])
