"""Whether tonight's new photos are like those that the present model was trained on.

Compared are, for each class and for all together, the encoder's features; the shares of the classes; and the qualities
that the filter has measured. One photo stands for each group of near duplicates, since a burst is one event. A new
photo in the group of a known one is nothing new. The statistics are in `tasks.inference.two_samples`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.findings import Compared
from tasks.filter.measure import stats_pool
from tasks.inference import two_samples
from tasks.inference.arrays import Floats, l2_normalize
from tasks.inference.two_samples import Tested
from tasks.names import visible
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.tables.crawl import SEARCHES
from tasks.tables.filter import KEPT
from tasks.tables.shared import INDEX
from tasks.tables.train import TRAINED_ON
from tasks.text import markdown, percent

if TYPE_CHECKING:
    import pandas as pd

_MOST_OLD, _MOST_NEW = 200, 200
"""So many photos trained on, and so many new ones, are compared in each class: enough for small differences."""
_MOST_CLASSES = 200
"""So many classes, those with the most new photos, are compared."""
_LEAST_NEW, _LEAST_OLD = 5, 10
"""A class with fewer photos is compared together with all others only."""
_DRAWS = 20
"""Permutations for each false alarm that the level allows in as many nights."""
_SEED = 0


def find_drift(
    *,
    trained: Path,
    had: Path,
    crawl: Path,
    kept: Path,
    features: Path,
    context: StageContext,
    level: float,
) -> list[Compared]:
    """Compare the new photos of a run with those that a model was trained on.

    Args:
        trained: The folder of the model's classifier.
        had: The folder of the filter in the model's run: the photos there are not new.
        crawl: The folder of the crawl of the present run.
        kept: Its folder of the filter.
        features: Its folder of the extract stage.
        context: Of the filter stage, with the data folder and the filter's pools.
        level: Probability of one or more false alarms, 0..1.

    Returns:
        One comparison for each class with enough new photos, for all classes, for the shares of the classes (unless
        search engines decide on them), and for each quality. Empty if no photo is new.
    """
    if had == kept:
        return []
    photos = KEPT.read(kept, ["photo", "label", "group"])
    known, learned = set(KEPT.read(had, ["photo"])["photo"]), set(TRAINED_ON.read(trained)["photo"])
    photos["is_old"] = photos["photo"].isin(learned)
    photos["is_new"] = ~photos["photo"].isin(known | learned)
    chosen = representatives(photos, np.random.default_rng(_SEED))
    if not chosen["is_new"].any() or chosen["is_new"].all():
        return []
    counts = None if SEARCHES.path(crawl).exists() else _counts(chosen)
    chosen = subsample(chosen, np.random.default_rng(_SEED))
    return compare(
        chosen["label"].tolist(),
        chosen["is_new"].to_numpy(bool),
        read_features(features, chosen["photo"], context.root),
        read_qualities(chosen["photo"], context),
        counts,
        level=level,
    )


def _counts(photos: "pd.DataFrame") -> "pd.DataFrame":
    """Count the photos of each class, by its name: columns old and new."""
    new = photos["is_new"].astype(np.int64)
    return photos.assign(new=new, old=1 - new).groupby("label")[["old", "new"]].sum()


def representatives(photos: "pd.DataFrame", rng: np.random.Generator) -> "pd.DataFrame":
    """Choose one photo of each group: of those trained on in groups with any, of new ones in groups of new ones only.

    Args:
        photos: Columns label, group, is_old (trained on) and is_new; a photo that is neither was known, but not
            trained on.
        rng: Chooses.
    """
    import pandas as pd

    shuffled = photos.iloc[rng.permutation(len(photos))]
    old = shuffled[shuffled["is_old"]]
    seen = set(shuffled.loc[~shuffled["is_new"], "group"])
    new = shuffled[shuffled["is_new"] & ~shuffled["group"].isin(seen)]
    every = pd.concat([each.drop_duplicates("group") for each in (old, new)])
    return every.sort_values(["label", "is_new", "photo"], ignore_index=True)


def subsample(photos: "pd.DataFrame", rng: np.random.Generator) -> "pd.DataFrame":
    """Choose the classes with old and new photos, those with the most new ones if they are many, and photos of each."""
    import pandas as pd

    classes = photos.groupby("label")["is_new"].agg(["sum", "size"])
    classes = classes[(classes["sum"] > 0) & (classes["sum"] < classes["size"])]
    largest = classes.sort_values("sum", ascending=False, kind="stable").index[:_MOST_CLASSES]
    parts = [
        part.iloc[np.sort(rng.permutation(len(part))[: _MOST_NEW if is_new else _MOST_OLD])]
        for (_, is_new), part in photos[photos["label"].isin(largest)].groupby(["label", "is_new"])
    ]
    return pd.concat(parts, ignore_index=True) if parts else photos.iloc[:0]


def compare(
    labels: Sequence[str],
    is_new: NDArray[np.bool_],
    features: Floats | None,
    qualities: Mapping[str, Floats],
    counts: "pd.DataFrame | None",
    *,
    level: float,
) -> list[Compared]:
    """Compare photos, of which each is independent of the others.

    Args:
        labels: The class of each photo; each class has old and new ones.
        is_new: (n,) whether it is new.
        features: (n, d) its features; None if there is no encoder.
        qualities: (n,) values of each quality.
        counts: Columns old and new: photos of each class, by its name; None: the shares are not compared.
        level: Probability of one or more false alarms, 0..1.
    """
    import pandas as pd

    rng = np.random.default_rng(_SEED)
    permutations = round(_DRAWS / level) - 1
    names = np.asarray(labels, dtype=object)
    classes = [np.flatnonzero(names == label) for label in sorted(set(labels))]
    sizes = [(int((~is_new[rows]).sum()), int(is_new[rows].sum())) for rows in classes]
    by_class: list[tuple[Floats, Floats]] = []
    by_quality: dict[str, list[Floats]] = {name: [] for name in qualities}
    for rows in classes:
        draws = two_samples.draw(is_new[rows], permutations, rng)
        if features is not None:
            distances = two_samples.pairwise(features[rows])
            by_class.append((two_samples.energies(distances, draws), two_samples.nearest(distances, draws)))
        for name, values in qualities.items():
            ranks: Floats = np.asarray(
                pd.Series(values[rows]).rank(pct=True), np.float64
            )  # so that outliers and the unit don't matter
            by_quality[name].append(two_samples.energies_of_numbers(ranks, draws))

    total = (sum(old for old, _ in sizes), sum(new for _, new in sizes))
    columns: list[tuple[Compared, Floats]] = []

    def add_features(kind: str, name: str, size: tuple[int, int], energies: Floats, nearest: Floats) -> None:
        detail = f"{nearest[0]:.2f} times the usual distance"
        add(kind, name, size, two_samples.standardise(energies) + two_samples.standardise(nearest), detail)

    def add(kind: str, name: str, size: tuple[int, int], statistics: Floats, detail: str = "") -> None:
        row = {"kind": kind, "name": name, "trained_on": size[0], "new": size[1], "detail": detail}
        columns.append((Compared.model_validate(row | _UNTESTED), statistics))

    for rows, size, statistics in zip(classes, sizes, by_class, strict=bool(by_class)):
        if size[0] >= _LEAST_OLD and size[1] >= _LEAST_NEW:
            add_features("class", labels[rows[0]], size, *statistics)
    if by_class and (len(classes) > 1 or not columns):
        energies, nearest = (two_samples.pooled(each, sizes) for each in zip(*by_class, strict=True))
        add_features("all classes", "", total, energies, nearest)
    # A new class is said elsewhere, and had no share to compare with; it may be the only one with new photos.
    compared = None if counts is None else counts[counts["old"] > 0]
    if compared is not None and len(compared) > 1 and compared["new"].sum():
        drawn = two_samples.shares(compared["old"].tolist(), compared["new"].tolist(), permutations, rng)
        size = (int(compared["old"].sum()), int(compared["new"].sum()))
        add("shares", "", size, drawn, _share_detail(compared))
    for name, found in by_quality.items():
        if found:
            old, new = (np.median(qualities[name][mask]) for mask in (~is_new, is_new))
            add("quality", name, total, two_samples.pooled(found, sizes), f"median {new:.3g}, was {old:.3g}")
    if not columns:
        return []
    tested = two_samples.adjust(np.column_stack([statistics for _, statistics in columns]), level)
    return [_with_outcome(row, outcome, level) for (row, _), outcome in zip(columns, tested, strict=True)]


_UNTESTED = {"deviation": 0.0, "limit": 0.0, "p": 1.0, "drifted": False}


def _with_outcome(row: Compared, tested: Tested, level: float) -> Compared:
    outcome = {"deviation": round(tested.deviation, 2), "limit": round(tested.limit, 2), "p": round(tested.p, 5)}
    return row.model_copy(update=outcome | {"drifted": tested.p <= level})


def _share_detail(counts: "pd.DataFrame") -> str:
    """Say which class's share has changed most."""
    old, new = counts["old"] / counts["old"].sum(), counts["new"] / counts["new"].sum()
    label = str((new - old).abs().idxmax())
    return f"{visible(label)!r} {percent(float(new[label]))}, was {percent(float(old[label]))}"


def sentence(rows: Sequence[Compared], run: str) -> str:
    """Say in one line which new photos are not like those that a run was trained on; empty if all are."""
    drifted = [row for row in rows if row.drifted]
    if not drifted:
        return ""
    named = [row.what + (f" ({row.detail})" if row.detail else "") for row in drifted]
    few = ", ".join(named[:5]) + (f" and {len(named) - 5:,} more" if len(named) > 5 else "")
    return f"the new photos are not like those that run {run} was trained on: {few}"


def table(rows: Sequence[Compared]) -> str:
    """Write comparisons as a table in Markdown, for the dashboard."""
    lines = ["| new photos | trained on | new | deviation | limit | p | |", "|:--|--:|--:|--:|--:|--:|:--|"]
    for row in rows:
        cells = [markdown(row.what), f"{row.trained_on:,}", f"{row.new:,}", f"{row.deviation:.1f}", f"{row.limit:.1f}"]
        drifted = "**drift** " if row.drifted else ""
        lines.append(f"| {' | '.join(cells)} | {row.p:.4f} | {drifted}{markdown(row.detail)} |")
    return "\n".join(lines) + "\n"


def read_features(features: Path, photos: "pd.Series[str]", root: Path) -> Floats | None:
    """Read the features of photos, pooled and scaled for distances: `(n, d)`; None without an encoder.

    The roots of the channels' means, scaled to length 1: a few strong channels don't decide.
    """
    index = INDEX.read(features)
    if index.empty or photos.empty:
        return None
    rows = LazyRows(index.drop_duplicates("photo").set_index("photo").loc[photos.tolist()].reset_index(), root)[:]
    values = rows.astype(np.float32)
    if values.ndim > 2:
        values = values.mean(axis=tuple(range(1, values.ndim - 1)))
    return l2_normalize(np.sign(values) * np.sqrt(np.abs(values))).astype(np.float64)


def read_qualities(photos: "pd.Series[str]", context: StageContext) -> dict[str, Floats]:
    """Read what the filter has measured of photos: `(n,)` values of each quality."""
    if photos.empty:
        return {}
    stats = LazyRows(stats_pool(context).index(photos, context.root), context.root)[:]
    luma = stats["layout"][..., 0].reshape(len(stats), -1).mean(axis=1)
    return {
        "brightness": luma / 255,
        "contrast": (stats["p99"].astype(np.float64) - stats["p01"]) / 255,
        "sharpness": stats["sharpness"].astype(np.float64),
        "shorter side in pixels": np.minimum(stats["width_px"], stats["height_px"]).astype(np.float64),
    }
