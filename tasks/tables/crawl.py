"""Files of the crawl: the photos that were found, and the searches."""

from tasks.store.table import Column, Table
from tasks.tables.columns import FILE, LABEL, NAME, PHOTO

_LABEL_SEARCHED = Column("label", "string", "Class that was searched for.")
_ENGINE = Column("engine", "string", "Name of the source.")
_QUERY = Column("query", "string", "Text of the query.")
PHOTOS = Table(
    "photos.parquet",
    ("crawl",),
    "All photos of the crawl: one row for each photo and class, sorted by class, rank, name and URL.",
    (
        PHOTO,
        FILE,
        LABEL,
        Column("group", "string", "Photos that the source says belong together, such as a burst.", nullable=True),
        Column("given_split", "string", "Split that the source gives: train, val or test.", nullable=True),
        NAME,
        Column("url", "string", "URL of the photo.", nullable=True),
        Column("page", "string", "URL of the page that shows the photo.", nullable=True),
        _ENGINE,
        Column("keyword", "string", "Query that found the photo.", nullable=True),
        Column("rank", "int64", "Position among the photos of the same class or query.", "from 1"),
        Column("licence", "string", "Licence, as the source names it.", nullable=True),
        Column("author", "string", "Author, as the source names them.", nullable=True),
        Column("width_px", "int64", "Width.", "px", nullable=True),
        Column("height_px", "int64", "Height.", "px", nullable=True),
        Column("bytes", "int64", "Size of the file.", "bytes"),
        Column("fetched_at", "timestamp[s, UTC]", "Time of the download or of the copy."),
        Column("status", "int64", "HTTP status of the download.", nullable=True),
        Column("etag", "string", "HTTP ETag of the download.", nullable=True),
    ),
)
TIMES = Table(
    "times.parquet",
    ("crawl",),
    "When photos were taken; only written if a CSV says it (`crawl.columns.time`).",
    (
        PHOTO,
        Column(
            "taken_at",
            "string",
            "Time on the clock of the place, as exact as it is given.",
            "`2026`, `2026-11`, `2026-11-27` or `2026-11-27T19:30:00`",
        ),
    ),
)
SEARCHES = Table(
    "searches.parquet",
    ("crawl",),
    "One row for each search; only written if search engines were used.",
    (
        _LABEL_SEARCHED,
        _ENGINE,
        _QUERY,
        Column("pages", "int64", "Pages of results that were read."),
        Column("found", "int64", "URLs in the results."),
        Column("new", "int64", "URLs that no earlier search or run had found."),
        Column("kept", "int64", "URLs that became photos of the class."),
        Column("dropped", "string", "Number of other URLs by reason, a JSON object."),
        Column("trouble", "string", "Error that ended the search.", nullable=True),
    ),
)
DROPPED = Table(
    "dropped.parquet",
    ("crawl",),
    "One row for each URL of a search that did not become a photo; only written if search engines were used.",
    (
        _LABEL_SEARCHED,
        _ENGINE,
        _QUERY,
        Column("url", "string", "URL of the photo."),
        Column("reason", "string", "Why it was dropped."),
    ),
)
