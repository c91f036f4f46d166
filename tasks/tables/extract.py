"""Files of the extraction of features."""

from tasks.store.table import Column, Table
from tasks.tables.columns import PLACE

COPIES_INDEX = Table(
    "copies_index.parquet",
    ("extract",),
    "Where the features of the augmented copies of train photos are; no row where `extract.copies` is 0.",
    (*PLACE, Column("copy", "int64", "Number of the copy.", "from 1")),
)
