"""Compare fluke with twenty lines of scikit-learn, on the same test photos of finished runs.

    .venv/bin/python benchmarks/twenty_lines.py run ../shared [--sets trashnet nyala] [--seeds 0 1] [--settings ...]
    .venv/bin/python benchmarks/twenty_lines.py compare FLUKE_DATA...

`run` runs `fluke run default` for each data set and seed, in a new data folder, and then compares; `compare` compares
the newest finished run in each data folder. The twenty lines are `twenty_lines` below: logistic regression on the
standardised features of a frozen EfficientNet-Lite0, its C chosen by validation, and then the same C fitted to the
train and the validation photos. They get the tiles and the splits of fluke's run. The interval of the difference is
that of a paired bootstrap over the groups of the test photos.
"""

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import cats_dogs, measure
from configs.schema import PretrainConfig
from flows.run_records import read_records
from tasks import tables
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.headline import HeadlineMetric, headline_metric
from tasks.inference.scores import score
from tasks.store.lazy_rows import LazyRows
from tasks.store.store import Store

SETS = ("trashnet", "cats_dogs", "nyala")
STRENGTHS = 10.0 ** np.arange(-4, 1.01, 0.5)
"""Values of C. With 1,280 standardised features, good ones are near 0.01."""
RESAMPLES = 2000
_BATCH = 64


@dataclass(frozen=True)
class Run:
    """What a finished run has done: n photos, their splits, and its answers to the test photos."""

    photos: pd.DataFrame
    """n rows: photo, label, group, split. Test photos of classes that were never trained on are left out."""
    answers: pd.DataFrame
    """Test photos: rank of the true class and loss, indexed by photo."""
    tiles: LazyRows
    """(n, h, w, c)"""
    metric: HeadlineMetric
    """What the report of the run starts with."""

    @classmethod
    def newest(cls, data: Path) -> "Run":
        """Read the newest finished run in a data folder."""
        good = [record for record in read_records(data) if record.is_good]
        if not good:
            raise SystemExit(f"{data} has no finished run")
        newest = max(good, key=lambda record: record.order)
        store = Store(data)
        folders = {stage.artifact.stage: store.folder(stage.artifact) for stage in newest.stages}
        kept = tables.filter.KEPT.read(folders["filter"])[["photo", "label", "group", "split"]]
        trained = kept.loc[kept["split"] == "train", "label"]
        photos = kept[kept["label"].isin(set(trained))].reset_index(drop=True)
        index = (
            tables.shared.INDEX.read(folders["preprocess"]).set_index("photo", drop=False).loc[photos["photo"].tolist()]
        )
        answers = tables.evaluate.PREDICTIONS.read(folders["evaluate"]).set_index("photo")
        counts = trained.value_counts().to_numpy()
        return cls(photos, answers[answers["split"] == "test"], LazyRows(index, data), headline_metric(counts, "auto"))


@dataclass(frozen=True)
class Compared:
    """The scores of one run, by its headline metric."""

    metric: HeadlineMetric
    test_photos: int
    ours: float
    theirs: tuple[float, float]
    """Scores of the twenty lines: fitted to the train photos; to the train and the validation photos."""
    differences: tuple[tuple[float, float, float], ...]
    """Our score minus each of theirs, and its 95 % interval."""
    feature_s: float
    fit_s: float

    def cells(self) -> list[str]:
        """Return the cells of a row."""
        differences = [f"{value:+.3f} ({low:+.3f}..{high:+.3f})" for value, low, high in self.differences]
        theirs = [f"{value:.3f}" for value in self.theirs]
        return [self.metric, str(self.test_photos), f"{self.ours:.3f}", *theirs, *differences]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    compared = commands.add_parser("compare")
    compared.add_argument("data", type=Path, nargs="+")
    run = commands.add_parser("run")
    run.add_argument("shared", type=Path)
    run.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    run.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    run.add_argument("--settings", nargs="*", default=[], help="further settings of fluke")
    asked = parser.parse_args()
    print(
        "| data | seed | metric | test photos | fluke | 20 lines | on train + val | fluke - 20 lines | "
        "fluke - those on train + val | fluke, s | 20 lines, s |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    if asked.command == "compare":
        for data in asked.data:
            _print_row([data.name, ""], compare(Run.newest(data)), "")
        return
    for name in asked.sets:
        for seed in asked.seeds:
            with measure.scratch() as home:
                found = [*settings_of(name, asked.shared.absolute() / "data", home), *asked.settings]
                seeds = [f"filter.seed={seed}", f"train.seed={seed}"]
                with measure.server(home / "data"):
                    cost = measure.run([measure.FLUKE, "run", "default", *found, *seeds], home / "data")
                _print_row([name, str(seed)], compare(Run.newest(home / "data")), f"{cost.seconds:.0f}")


def _print_row(names: Sequence[str], compared: Compared, seconds: str) -> None:
    spent = f"{compared.feature_s:.0f} + {compared.fit_s:.0f}"
    print(f"| {' | '.join([*names, *compared.cells(), seconds, spent])} |", flush=True)


def settings_of(name: str, data: Path, scratch: Path) -> list[str]:
    """Return the settings that say where the photos are; those of nyala keep an encounter in one split."""
    if name == "nyala":
        source = [
            "crawl.sources=csv",
            f"crawl.path={data / 'nyala/labels.csv'}",
            f"crawl.images={data / 'nyala/images'}",
        ]
        return [*source, r"filter.group_pattern=^(\d+_\d+)"]
    photos = cats_dogs.link_photos(data / "cats_dogs", scratch)[0] if name == "cats_dogs" else data / name
    return [f"crawl.path={photos}"]


def compare(run: Run) -> Compared:
    """Fit the twenty lines to the photos of a run, and compare the answers to its test photos."""
    began = time.monotonic()
    features = frozen_features(run.tiles)
    feature_s = time.monotonic() - began
    labels, targets = np.unique(run.photos["label"], return_inverse=True)
    split = run.photos["split"].to_numpy()
    test = split == "test"
    truth = targets[test]
    began = time.monotonic()
    theirs = [
        ScoredPredictions.of(truth, probabilities)
        for probabilities in twenty_lines(features, targets, split, run.metric)
    ]
    fit_s = time.monotonic() - began
    ours = scored(run.answers.loc[run.photos["photo"][test]], truth, labels)
    groups = run.photos["group"].to_numpy()[test]
    return Compared(
        run.metric,
        len(truth),
        score(ours, 5)[run.metric],
        (score(theirs[0], 5)[run.metric], score(theirs[1], 5)[run.metric]),
        tuple(paired_bootstrap(run.metric, ours, other, groups) for other in theirs),
        feature_s,
        fit_s,
    )


def frozen_features(tiles: LazyRows) -> NDArray[np.float32]:
    """Compute the features of tiles, `(n, 1280)`, with EfficientNet-Lite0 as its package has it."""
    from tasks.networks.keras_io import predict
    from tasks.networks.pretrained import pretrained_encoder

    encoder = pretrained_encoder(tiles.shape, PretrainConfig(encoder="efficientnet_lite0", texture=False))  # type: ignore[arg-type]
    return np.asarray(predict(encoder, tiles, _BATCH), np.float32)


def twenty_lines(
    features: NDArray[np.floating[Any]], targets: NDArray[np.integer[Any]], split: NDArray[Any], metric: HeadlineMetric
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit logistic regression as a user of scikit-learn would.

    Args:
        features: `(n, d)`.
        targets: class numbers `(n,)`; every class has train photos.
        split: train, val or test, `(n,)`.
        metric: what C is chosen by, on the validation photos.

    Returns:
        Probabilities of the test photos, `(test photos, classes)`: by the train photos; by those and the validation
        photos, with the same C.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    warnings.simplefilter("ignore", ConvergenceWarning)
    train, val, test = (split == part for part in ("train", "val", "test"))

    def fit(rows: NDArray[np.bool_], strength: float) -> Any:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
        return model.fit(features[rows], targets[rows])

    def validated(model: Any) -> float:
        return score(ScoredPredictions.of(targets[val], model.predict_proba(features[val])), 5)[metric]

    models = [fit(train, strength) for strength in STRENGTHS]
    best = int(np.argmax([validated(model) for model in models]))
    together = fit(train | val, STRENGTHS[best])
    return models[best].predict_proba(features[test]), together.predict_proba(features[test])


def scored(answers: pd.DataFrame, truth: NDArray[np.integer[Any]], labels: NDArray[Any]) -> ScoredPredictions:
    """Take a run's answers to photos whose class numbers are `truth`; another class than `labels` is one more class."""
    number = {label: i for i, label in enumerate(labels)}
    predicted = np.array([number.get(label, len(labels)) for label in answers["predicted"]])
    return ScoredPredictions(
        truth.astype(np.int64),
        predicted,
        answers["rank"].to_numpy(),
        answers["loss"].to_numpy(),
        len(labels) + int(predicted.max(initial=0) == len(labels)),
    )


def paired_bootstrap(
    metric: HeadlineMetric, ours: ScoredPredictions, theirs: ScoredPredictions, groups: NDArray[Any]
) -> tuple[float, float, float]:
    """Return the difference of two classifiers on the same photos, and its 95 % interval; groups are resampled."""
    numbers = np.unique(groups, return_inverse=True)[1]
    count = int(numbers.max()) + 1
    random = np.random.default_rng(0)

    def difference(weights: NDArray[np.float64]) -> float:
        return score(ours, 5, weights)[metric] - score(theirs, 5, weights)[metric]

    drawn = (np.bincount(random.integers(0, count, count), minlength=count)[numbers] for _ in range(RESAMPLES))
    found = [difference(weights.astype(np.float64)) for weights in drawn]
    low, high = np.percentile(found, [2.5, 97.5])
    return difference(np.ones(len(groups))), float(low), float(high)


if __name__ == "__main__":
    main()
