"""Files of the filter: which photos are kept, which not and why, and which a person should look at."""

from tasks.store.table import Column, File, Table
from tasks.tables.columns import FILE, LABEL, NAME, PHOTO, SPLIT

_TWIN = Column("twin", "string", "SHA-256 of the photo that this one duplicates or contradicts.", nullable=True)
KEPT = Table(
    "kept.parquet",
    ("filter",),
    "The photos that the filter keeps, sorted by class and photo.",
    (
        PHOTO,
        FILE,
        LABEL,
        NAME,
        Column("group", "string", "SHA-256 of the first photo of its group; a group is never divided among splits."),
        SPLIT,
    ),
)
REJECTED = Table(
    "rejected.parquet",
    ("filter",),
    "The photos that the filter rejects, sorted by reason, class, photo and name.",
    (
        PHOTO,
        FILE,
        LABEL,
        NAME,
        Column("reason", "string", "Why it is rejected."),
        Column("score", "float64", "Measured value that the reason is based on.", "as the reason's setting"),
        _TWIN,
        Column("split", "string", "train, val or test, if it belongs to a group that has a split.", nullable=True),
    ),
)
REMOVED = Table(
    "removed.parquet",
    ("filter",),
    "The rejected photos that would be in the test if the check of their content, such as too dark, were off. They are "
    "predicted too, so that the evaluation can say whether the check made the test easier; nothing is trained on them.",
    (
        PHOTO,
        FILE,
        LABEL,
        NAME,
        Column("group", "string", "SHA-256 of the first photo of its group, as in the table of kept photos."),
        SPLIT,
        Column("reason", "string", "The check that removed it."),
    ),
)
ABSENT = Table(
    "absent.parquet",
    ("filter",),
    "The photos that earlier runs trained on and that are in validation or test now, but not in this crawl. They may "
    "resemble test photos of this crawl, so no model that was trained on them is reused.",
    (PHOTO, SPLIT),
)
MEMORY = File("memory.json", ("filter",), "Name, seed and generation of the memory that keeps photos in their splits.")
REVIEW = Table(
    "review.parquet",
    ("filter",),
    "The photos for a human review, the closest decisions of each reason first.",
    (
        PHOTO,
        FILE,
        Column("label", "string", "Class of the photo in the crawl."),
        NAME,
        Column("kept", "bool", "Whether the filter keeps it."),
        Column("reason", "string", "Why it is listed."),
        Column("score", "float64", "Measured value that the reason is based on.", "as the reason's setting"),
        Column("threshold", "float64", "Limit that the score is compared with.", "as score", nullable=True),
        _TWIN,
        Column("suggestion", "string", "Class that it may belong to instead.", nullable=True),
        Column("decision", "string", "Decision of an earlier review: keep, reject or move.", nullable=True),
        Column(
            "decided_as",
            "string",
            "Class of that decision in decisions.csv, if it has been renamed since.",
            nullable=True,
        ),
    ),
)
