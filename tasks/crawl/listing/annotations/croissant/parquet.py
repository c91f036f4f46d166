"""Photos in the Parquet files that a description names, as Hugging Face serves them."""

from pathlib import Path
from typing import TYPE_CHECKING

from configs.schema import CrawlConfig
from tasks.crawl.listing import hugging_face
from tasks.crawl.listing.annotations.croissant.files import Dataset, parquet_files
from tasks.crawl.listing.annotations.croissant.images import splits_of_files
from tasks.crawl.listing.annotations.croissant.records import Records
from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.listed_files import ListedFiles
from tasks.crawl.listing.photo_list import ListPart
from tasks.crawl.listing.photo_rows import ListRow, PhotoRows
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(records: Records, dataset: Dataset, config: CrawlConfig) -> ListPart:
    """List the rows of the files, each a photo with its class.

    Args:
        records: Its fields.
        dataset: The description.
        config: Says whether the split counts.

    Raises:
        UserError: The files aren't on this machine, are damaged, or don't have the columns.
    """
    found = parquet_files(records.values["image"].resource, dataset)
    parts = splits_of_files(records.values.get("split"), [(name, "") for name, _ in found], dataset.path, config)
    rows: list[ListRow] = []
    files: dict[str, LocalFile] = {}
    unlabelled = 0
    for (_, file), part in zip(found, parts, strict=True):
        columns = _columns(file, records)
        for photo in hugging_face.photos_in(file, dataset.folder, columns, part):
            if not photo.label:
                unlabelled += 1
                continue
            files[photo.name] = photo.file
            rows.append(ListRow(len(rows) + 1, photo.name, photo.label, photo.group, part))
    notes = [f"{dataset.path}: {unlabelled:,} photos have no class, so they are not used"] if unlabelled else []
    return ListPart(dataset.path, None, PhotoRows(rows, [], notes), ListedFiles(dataset.folder, files, {}, []))


def _columns(file: Path, records: Records) -> hugging_face.Columns:
    schema: pa.Schema = hugging_face.schema_of(file)
    chosen = {
        meaning: value.extract.column or ""
        for meaning, value in records.values.items()
        if meaning in ("image", "label", "group") and value.resource is records.values["image"].resource
    }
    for meaning, column in chosen.items():
        if column not in schema.names:
            raise UserError(
                f"{file}: no column {column or 'at all'} (field {records.values[meaning].field}); it has "
                f"{', '.join(schema.names)}: download the description and the files again"
            )
    return hugging_face.Columns(
        chosen["image"], chosen["label"], hugging_face.class_names(schema, chosen["label"]), chosen.get("group")
    )
