"""Croissant 1.0: folders for each part and class, `labels.csv`, and `croissant.json`, which describes them.

The specification is docs.mlcommons.org/croissant/docs/croissant-spec.html. `labels.csv` can be crawled by fluke, too.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.dataset.formats import folder as folders
from flows.dataset.photos import CopiedPhoto, DatasetPhoto
from tasks.store import hashing
from tasks.store.atomic import atomic_write, write_json

_LABELS = "labels.csv"
_COLUMNS = ("Image", "Id", "split", "sha256")
_TERMS = (
    "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "conformsTo": "dct:conformsTo",
    **{name: f"cr:{name}" for name in _TERMS.split()},
}


def paths(photos: Sequence[DatasetPhoto]) -> list[str]:
    """Return the path of each photo's file below the dataset's folder."""
    return folders.paths(photos)


def write(folder: Path, name: str, photos: Sequence[CopiedPhoto]) -> None:
    """Write the table of the photos, and the description."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows((path, photo.label, photo.split, photo.sha256) for path, photo, _ in photos)
    table = text.getvalue().encode()
    atomic_write(folder / _LABELS, table)
    write_json(folder / "croissant.json", _description(name, hashing.of_bytes(table)))


def _description(name: str, table_sha256: str) -> dict[str, Any]:
    table = {
        "@type": "cr:FileObject",
        "@id": _LABELS,
        "name": _LABELS,
        "contentUrl": _LABELS,
        "encodingFormat": "text/csv",
        "sha256": table_sha256,
    }
    texts = {"Image": "Path of the photo.", "Id": "Its class.", "split": "train, val or test.", "sha256": "SHA-256."}
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"photos/{column}",
            "name": column,
            "description": texts[column],
            "dataType": "sc:Text",
            "source": {"fileObject": {"@id": _LABELS}, "extract": {"column": column}},
        }
        for column in _COLUMNS
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": "Photos with one class each, divided into train, val and test.",
        "distribution": [table],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "photos", "name": "photos", "field": fields}],
    }
