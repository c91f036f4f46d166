"""Files of the evaluation: answers, metrics, explanations, diagnostics and the report."""

from tasks.store.table import Column, File, Table
from tasks.tables.columns import NAME, PHOTO

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
        PHOTO,
        NAME,
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
        PHOTO,
        NAME,
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
        PHOTO,
        NAME,
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
        PHOTO,
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
        PHOTO,
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
        PHOTO,
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
