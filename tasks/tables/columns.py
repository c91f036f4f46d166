"""Columns that tables of several stages have."""

from tasks.store.table import Column

PHOTO = Column("photo", "string", "SHA-256 of the photo's bytes, 64 hex digits.")
FILE = Column("file", "string", "Path of the photo, relative to the data folder.", is_path=True)
LABEL = Column("label", "string", "Class of the photo.")
NAME = Column("name", "string", "Name of the photo at its source: a path, the CSV's Image, or the last part of a URL.")
SPLIT = Column("split", "string", "train, val or test.")
PLACE = (
    PHOTO,
    Column("shard", "string", "Path of the shard, relative to the data folder.", is_path=True),
    Column("row", "int64", "Row in the shard.", "from 0"),
    Column("digest", "string", "First 24 hex digits of the SHA-256 of the row's values."),
)
