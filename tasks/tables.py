"""The catalog: every file that stages write into their artifacts, and every column of every table.

`python -m tasks.tables` prints it as Markdown; `make docs` writes that to docs/artifacts.md.

The source digest of a stage doesn't cover this module, so that a new description invalidates no cache. A change of
a column must therefore raise VERSION of the stages that write or read it.
"""

from collections.abc import Iterator

from configs.schema import STAGE_NAMES
from tasks.store.table import Column, File, Table

_PHOTO = Column("photo", "string", "SHA-256 of the photo's bytes, 64 hex digits.")
_FILE = Column("file", "string", "Path of the photo, relative to the data folder.", is_path=True)
_LABEL = Column("label", "string", "Class of the photo.")
_NAME = Column("name", "string", "Name of the photo at its source: a path, the CSV's Image, or the last part of a URL.")
_SPLIT = Column("split", "string", "train, val or test.")
_TWIN = Column("twin", "string", "SHA-256 of the photo that this one duplicates or contradicts.", nullable=True)

_LABEL_SEARCHED = Column("label", "string", "Class that was searched for.")
_ENGINE = Column("engine", "string", "Name of the source.")
_QUERY = Column("query", "string", "Text of the query.")

# ---- crawl ----
PHOTOS = Table(
    "photos.parquet",
    ("crawl",),
    "All photos of the crawl: one row for each photo and class, sorted by class, rank, name and URL.",
    (
        _PHOTO,
        _FILE,
        _LABEL,
        Column("group", "string", "Photos that the source says belong together, such as a burst.", nullable=True),
        Column("given_split", "string", "Split that the source gives: train, val or test.", nullable=True),
        _NAME,
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
        _PHOTO,
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

# ---- filter ----
KEPT = Table(
    "kept.parquet",
    ("filter",),
    "The photos that the filter keeps, sorted by class and photo.",
    (
        _PHOTO,
        _FILE,
        _LABEL,
        _NAME,
        Column("group", "string", "SHA-256 of the first photo of its group; a group is never divided among splits."),
        _SPLIT,
    ),
)
REJECTED = Table(
    "rejected.parquet",
    ("filter",),
    "The photos that the filter rejects, sorted by reason, class, photo and name.",
    (
        _PHOTO,
        _FILE,
        _LABEL,
        _NAME,
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
        _PHOTO,
        _FILE,
        _LABEL,
        _NAME,
        Column("group", "string", "SHA-256 of the first photo of its group, as in the table of kept photos."),
        _SPLIT,
        Column("reason", "string", "The check that removed it."),
    ),
)
ABSENT = Table(
    "absent.parquet",
    ("filter",),
    "The photos that earlier runs trained on and that are in validation or test now, but not in this crawl. They may "
    "resemble test photos of this crawl, so no model that was trained on them is reused.",
    (_PHOTO, _SPLIT),
)
MEMORY = File("memory.json", ("filter",), "Name, seed and generation of the memory that keeps photos in their splits.")
REVIEW = Table(
    "review.parquet",
    ("filter",),
    "The photos for a human review, the closest decisions of each reason first.",
    (
        _PHOTO,
        _FILE,
        Column("label", "string", "Class of the photo in the crawl."),
        _NAME,
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

# ---- preprocess, extract ----
_PLACE = (
    _PHOTO,
    Column("shard", "string", "Path of the shard, relative to the data folder.", is_path=True),
    Column("row", "int64", "Row in the shard.", "from 0"),
    Column("digest", "string", "First 24 hex digits of the SHA-256 of the row's values."),
)
INDEX = Table(
    "index.parquet",
    ("preprocess", "extract"),
    "Where the tile (preprocess) or the features (extract) of each kept photo are.",
    _PLACE,
)
REMOVED_INDEX = Table(
    "removed_index.parquet",
    ("preprocess", "extract"),
    "The same for the photos of removed.parquet. Only evaluate reads it: nothing is trained on these photos.",
    _PLACE,
)

COPIES_INDEX = Table(
    "copies_index.parquet",
    ("extract",),
    "Where the features of the augmented copies of train photos are; no row where `extract.copies` is 0.",
    (*_PLACE, Column("copy", "int64", "Number of the copy.", "from 1")),
)

# ---- pretrain, train ----
HISTORY = File("history.json", ("pretrain", "train"), "Losses and metrics of each epoch.")
ENCODER_INFO = File("encoder.json", ("pretrain",), "Kind of the encoder, its name and the length of its features.")
ENCODER = File("encoder.keras", ("pretrain",), "The encoder: from tiles to features; not written if there is none.")
AUTOENCODER = File("autoencoder.keras", ("pretrain",), "The autoencoder, if the encoder is its first half.")
RECONSTRUCTIONS = File(
    "reconstructions.npz",
    ("pretrain",),
    "Some tiles (`originals`), the autoencoder's copies (`reconstructions`), those of a resize (`resized`) and of a "
    "PCA of patches (`pca`), uint8; and the codes (`codes`), float32.",
)
AUTOENCODER_PICTURE = File(
    "autoencoder.png",
    ("pretrain",),
    "Tiles, the autoencoder's copies beside those of a resize and a PCA, channels of the code, and the losses.",
)
ERROR = File(
    "error.json", ("pretrain",), "Mean squared error of the autoencoder, of a resize and of a PCA, with as many values."
)
SNAPSHOT = Table(
    "snapshot.parquet", ("pretrain",), "The train photos at the time; only written for an autoencoder.", (_PHOTO,)
)
SNAPSHOT_TILES = File(
    "snapshot.json", ("pretrain",), "Version and config of the preprocess stage, and memory of the split, at the time."
)
CLASSIFIER = File("classifier.keras", ("train",), "The classifier: from tiles, or an autoencoder's codes, to logits.")
LABELS = File("labels.json", ("train",), "Names of the classes, in the order of the logits.")
TRAINED_ON = Table(
    "trained_on.parquet",
    ("train",),
    "The photos that the classifier, or one that it was initialised from, was trained on.",
    (_PHOTO,),
)
LINEAGE = File(
    "lineage.json",
    ("train",),
    "Which classifier it was initialised from, the logits' adjustment, and the memory of the split.",
)

RECIPE = File(
    "recipe.json",
    ("train",),
    "The metric, each recipe that was tried with its score and its seconds, and which was chosen and why.",
)
VALIDATION = File(
    "validation.npz",
    ("train",),
    "Logits of the validation photos by classifiers that have not learned from them: `photos` and `logits`.",
)
BASELINE = File(
    "baseline.npz",
    ("train",),
    "Logistic regression on the encoder's features, the baseline: `kernel` (d, classes) and `bias` (classes).",
)
LABEL_ISSUES = Table(
    "label_issues.parquet",
    ("train",),
    "As many train and validation photos as confident learning estimates wrong labels, the most doubtful first, judged "
    "by classifiers that have not learned from them.",
    (
        _PHOTO,
        _LABEL,
        Column("suggestion", "string", "The most likely class instead."),
        Column("doubt", "float64", "Probability that the label is wrong.", "0..1"),
    ),
)

# ---- evaluate ----
_TRUE_CLASS = Column("label", "string", "True class; the unknown class where it was never trained on.")
_ANSWER = (
    Column("predicted", "string", "Most likely class."),
    Column("probability", "float64", "Calibrated probability of the most likely class.", "0..1"),
    Column("rank", "int64", "Position of the true class by probability.", "from 1"),
    Column("loss", "float64", "Negative log-likelihood of the true class.", "nats"),
)
LOGITS = File("logits.npy", ("evaluate",), "Logits of the photos of validation and test, float32 (photos, classes).")
FEATURES = File(
    "features.npy",
    ("evaluate",),
    "Input of the classifier's head for each kept photo, float32 (n, d), where it decides more than the logits.",
)
DESCRIPTORS = File(
    "descriptors.npy",
    ("evaluate",),
    "What describes each kept photo before any training on classes, float32 (n, d'): a pretrained network's features, "
    "else the codes or the pixels in 16 x 16 cells.",
)
DECISION_RULE = File("inference.json", ("evaluate",), "The decision rule: from logits to calibrated probabilities.")
REFERENCES = File("references.npz", ("evaluate",), "Photos to compare with, where the decision rule uses them.")
ANSWERS = File("answers.npz", ("evaluate",), "Answers to the photos of validation and test, without rounding.")
PREDICTIONS = Table(
    "predictions.parquet",
    ("evaluate",),
    "The answer to each photo of validation and test.",
    (
        _PHOTO,
        _NAME,
        Column("split", "string", "val or test."),
        _TRUE_CLASS,
        *_ANSWER,
        Column("top_names", "list[string]", "The `evaluate.top_k` most likely classes."),
        Column("top_probabilities", "list[float64]", "Their probabilities.", "0..1"),
    ),
)
REMOVED_PREDICTIONS = Table(
    "removed_predictions.parquet",
    ("evaluate",),
    "The answer to each photo that a check of the filter removed from the test; only written if there is one.",
    (
        _PHOTO,
        _NAME,
        _TRUE_CLASS,
        Column("group", "string", "As in kept.parquet."),
        Column("reason", "string", "The check that removed it."),
        *_ANSWER,
    ),
)
UNKNOWN_GROUPS = Table(
    "unknown_groups.parquet",
    ("evaluate",),
    "Proposed groups of the test photos that are answered as unknown, the largest group first; only written if there "
    "are at least two. Photos of one group may show the same individual.",
    (
        _PHOTO,
        _NAME,
        Column("label", "string", "True class, also where it was never trained on; only for measuring."),
        Column("group", "int64", "Number of the group.", "from 1"),
        Column("distance", "float64", "Cosine distance to the most central photo of the group.", "0..2"),
    ),
)
SUBMISSION = File("submission.csv", ("evaluate",), "The answers to the test photos as Kaggle's whale challenge wants.")
METRICS = File("metrics.json", ("evaluate",), "All metrics with their intervals and baselines.")
EXPLAINED = File("explained.json", ("evaluate",), "Settings and code behind the explanations, and their files.")
HEAT_MAPS = File("heat_maps.npz", ("evaluate",), "Class activation maps of the photos in the galleries, by photo.")
NEIGHBOURS = Table(
    "neighbours.parquet",
    ("evaluate",),
    "The most similar train photos of each wrongly answered photo in the gallery.",
    (
        _PHOTO,
        Column("neighbour", "string", "SHA-256 of the train photo."),
        Column("label", "string", "Class of the train photo."),
        Column("cosine", "float64", "Cosine similarity of the features of both.", "-1..1"),
    ),
)
DIAGNOSED = File("diagnosed.json", ("evaluate",), "Settings and code behind the diagnostics, and their files.")
DIAGNOSTICS = File(
    "diagnostics.json",
    ("evaluate",),
    "Accuracy on slices of the test, by the share of answered photos, on corrupted photos, and with fewer train "
    "photos; how the sets of prediction_sets.parquet were made.",
)
LIMITS = File(
    "limits.json",
    ("evaluate",),
    "The probabilities that validation photos have given for `evaluate.abstain` and `evaluate.set_coverage`; "
    "predictions of the model use them.",
)
PREDICTION_SETS = Table(
    "prediction_sets.parquet",
    ("evaluate",),
    "The possible classes of each test photo; only written with `evaluate.set_coverage` and enough validation photos.",
    (
        _PHOTO,
        Column("size", "int64", "Number of possible classes.", "from 1"),
        Column("classes", "list[string]", "The possible classes, the most likely one first."),
        Column("has_true_class", "bool", "Whether the true class is one of them."),
    ),
)
FEATURE_MAP = Table(
    "feature_map.parquet",
    ("evaluate",),
    "A map of test photos: those with similar features are near each other (t-SNE).",
    (
        _PHOTO,
        Column("x", "float64", "Position from the left.", "0..1"),
        Column("y", "float64", "Position from the top.", "0..1"),
    ),
)
NOTES = File(
    "notes.json", ("evaluate",), "What of the user's input was not used as given, by stage; what is to be reviewed."
)
LAYERS = File("layers.npz", ("evaluate",), "Feature maps and images of layers, where `evaluate.layer_images` is set.")
FIGURES = File("figures", ("evaluate",), "Folder with the report's figures as PNG.")
REPORT = File("report.html", ("evaluate",), "The report.")
DECISION = File("decision.json", ("evaluate",), "What was decided about the model, as the report shows it.")
REPORTED = File("reported.json", ("evaluate",), "Code and explanations that the report was made with, and its files.")
SUMMARY = File("summary.md", ("crawl", "filter", "evaluate"), "What the dashboard shows of the stage, in Markdown.")


def files() -> list[File]:
    """All files of the catalog, in the order of this module."""
    return [value for value in globals().values() if isinstance(value, File)]


def document() -> str:
    """The catalog in Markdown: the content of docs/artifacts.md."""
    head = (
        "# Artifacts\n\nGenerated from `tasks/tables.py` by `make docs`; don't edit it by hand.\n\n"
        "Each stage writes its files to `data/artifacts/<stage>/<key>/`. Besides those listed here, each artifact has "
        "a `manifest.json`; see [the store](store.md). An artifact of pretrain or train may also have a folder "
        "`tensorboard`."
    )
    return "\n\n".join([head, *(part for stage in STAGE_NAMES for part in _section(stage))]) + "\n"


def _section(stage: str) -> Iterator[str]:
    yield f"## {stage}"
    written = [file for file in files() if stage in file.stages]
    yield "\n".join(["| file | content |", "|---|---|", *(f"| `{file.name}` | {file.meaning} |" for file in written)])
    for table in written:
        if isinstance(table, Table):
            yield f"`{table.name}`"
            rows = [
                f"| `{column.name}` | {column.dtype}{', or empty' if column.nullable else ''} | {column.unit} "
                f"| {column.meaning} |"
                for column in table.columns
            ]
            yield "\n".join(["| column | type | unit | meaning |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
