"""Files of the classifier: the network, what it was trained on, and the recipes that were tried."""

from tasks.store.table import Column, File, Table
from tasks.tables.columns import LABEL, PHOTO

CLASSIFIER = File("classifier.keras", ("train",), "The classifier: from tiles, or an autoencoder's codes, to logits.")
LABELS = File("labels.json", ("train",), "Names of the classes, in the order of the logits.")
TRAINED_ON = Table(
    "trained_on.parquet",
    ("train",),
    "The photos that the classifier, or one that it was initialised from, was trained on.",
    (PHOTO,),
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
        PHOTO,
        LABEL,
        Column("suggestion", "string", "The most likely class instead."),
        Column("doubt", "float64", "Probability that the label is wrong.", "0..1"),
    ),
)
