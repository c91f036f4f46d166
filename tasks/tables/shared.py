"""Files that several stages write."""

from tasks.store.table import File, Table
from tasks.tables.columns import PLACE

INDEX = Table(
    "index.parquet",
    ("preprocess", "extract"),
    "Where the tile (preprocess) or the features (extract) of each kept photo are.",
    PLACE,
)
REMOVED_INDEX = Table(
    "removed_index.parquet",
    ("preprocess", "extract"),
    "The same for the photos of removed.parquet. Only evaluate reads it: nothing is trained on these photos.",
    PLACE,
)
HISTORY = File("history.json", ("pretrain", "train"), "Losses and metrics of each epoch.")
SUMMARY = File("summary.md", ("crawl", "filter", "evaluate"), "What the dashboard shows of the stage, in Markdown.")
