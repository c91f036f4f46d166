"""Propose groups of the test photos that are answered as unknown: those of one group may show the same individual."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.predict import NetworkOutput
from tasks.evaluate.summary import rounded
from tasks.inference.arrays import Floats, Ids, l2_normalize

MOST_PHOTOS = 4000
"""Of more unknown photos, only the most certainly unknown ones are grouped: the distances of all pairs must fit into
memory (64 MB)."""
_DRAWS = 20
_LEAST_PHOTOS = 8
"""A draw of classes has at least so many photos."""


@dataclass(frozen=True)
class Groups:
    """Groups of n photos."""

    number: Ids
    """(n,) group of each photo, from 1, the largest first."""
    distance: Floats
    """(n,) cosine distance to the medoid of the photo's group, which has the least mean distance to the others."""


def propose_groups(config: EvaluateConfig, eval_set: EvalSet, out: Path) -> dict[str, Any] | None:
    """Group the test photos that are answered as unknown, and write unknown_groups.parquet.

    Two groups are joined while the mean cosine distance of their photos' features is below a limit (agglomerative
    clustering with average linkage). See `merge_limit` for the limit.

    Args:
        config: The section of the evaluate stage.
        eval_set: The evaluation set.
        out: The folder with the files of `predict` and `decide`. The table is written there.

    Returns:
        What metrics.json says of them, see `agreement`; None if less than two photos are answered as unknown, if there
        is no such answer, or if no class has two train photos.
    """
    if not eval_set.unknown_label:
        return None
    predictions = tables.evaluate.PREDICTIONS.read(out)
    answered = predictions[(predictions["split"] == "test") & (predictions["predicted"] == eval_set.unknown_label)]
    answered = answered.sort_values(["probability", "photo"], ascending=[False, True]).head(MOST_PHOTOS)
    train = np.flatnonzero(eval_set.of("train"))
    if len(answered) < 2:
        return None
    limit = merge_limit(_vectors(eval_set, out, train), eval_set.truth[train], len(answered), config.seed)
    if limit is None:
        return None
    rows = eval_set.positions(answered["photo"])
    labels = eval_set.rows["label"].to_numpy()[rows]
    found = group(_vectors(eval_set, out, rows), limit)
    proposed = answered[["photo", "name"]].assign(label=labels, group=found.number, distance=found.distance)
    proposed = proposed.sort_values(["group", "distance", "photo"])
    tables.evaluate.UNKNOWN_GROUPS.write(proposed[tables.evaluate.UNKNOWN_GROUPS.names], out)
    return {"limit": rounded(limit), **agreement(found.number, labels, set(eval_set.labels))}


def _vectors(eval_set: EvalSet, out: Path, rows: Ids) -> NDArray[np.float32]:
    """Return directions of the features of some kept photos, from the centre of the train photos, `(n, d)`."""
    features = NetworkOutput.read(out).vectors
    centre = features[np.flatnonzero(eval_set.of("train"))].mean(axis=0)
    return l2_normalize(np.asarray(features[rows] - centre, np.float32))


def group(vectors: NDArray[np.float32], limit: float) -> Groups:
    """Group n photos, see `propose_groups`.

    Args:
        vectors: (n, d), of length 1.
        limit: The largest mean cosine distance, 0..2, at which two groups are joined.
    """
    from scipy.cluster.hierarchy import fcluster

    found = fcluster(_joined(vectors), limit, "distance")
    _, first, member, sizes = np.unique(found, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(len(first), np.int64)
    place[np.lexsort((first, -sizes))] = np.arange(1, len(first) + 1)
    distance = np.empty(len(vectors))
    for number in range(len(first)):
        rows = np.flatnonzero(member == number)
        apart = np.maximum(0, 1 - vectors[rows] @ vectors[rows].T)
        medoid = apart.mean(axis=1).argmin()
        distance[rows] = apart[medoid]
        distance[rows[medoid]] = 0
    return Groups(place[member], distance)


def merge_limit(vectors: NDArray[np.float32], classes: Ids, photos: int, seed: int) -> float | None:
    """Choose the limit at which groups of train photos of known classes agree best with these classes.

    The classes are drawn 20 times, each time as many as together have about as many photos as are to be grouped, since
    the best limit depends on how many individuals there are. The draw's photos are grouped at each limit, and pairs of
    photos in one group are compared with pairs of one class: the limit with the highest mean F1 is chosen.

    Args:
        vectors: (n, d), the features of train photos, of length 1.
        classes: (n,) class of each.
        photos: Number of photos to be grouped.
        seed: Determines the draws.

    Returns:
        The limit, a cosine distance; None if no two photos have the same class, or if all have.
    """
    rng = np.random.default_rng(seed)
    names, counts = np.unique(classes, return_counts=True)
    if len(names) < 2 or counts.max() < 2:
        return None
    limits, scores = np.linspace(0, 1.5, 151), np.zeros(151)
    for _ in range(_DRAWS):
        order = rng.permutation(len(names))
        enough = int(np.searchsorted(np.cumsum(counts[order]), min(max(photos, _LEAST_PHOTOS), MOST_PHOTOS))) + 1
        rows = np.flatnonzero(np.isin(classes, names[order[: max(2, enough)]]))[:MOST_PHOTOS]
        scores += _f1_of_pairs(vectors[rows], classes[rows], limits)
    best = np.flatnonzero(scores >= scores.max() - 1e-9)
    return float(limits[best[len(best) // 2]])


def _f1_of_pairs(vectors: NDArray[np.float32], classes: Ids, limits: Floats) -> Floats:
    """Return F1 of `in one group` for `of one class` over all pairs of n photos, at each limit, `(limits,)`."""
    joined = _joined(vectors)
    _, label = np.unique(classes, return_inverse=True)
    same = _pairs(np.bincount(label))
    members: dict[int, NDArray[np.int64]] = {
        photo: np.bincount([label[photo]], minlength=label.max() + 1) for photo in range(len(label))
    }
    together, right = np.zeros(len(joined) + 1), np.zeros(len(joined) + 1)
    for step, (one, other) in enumerate(joined[:, :2].astype(np.int64).tolist()):
        ours, theirs = members.pop(one), members.pop(other)
        together[step + 1] = together[step] + ours.sum() * theirs.sum()
        right[step + 1] = right[step] + ours @ theirs
        members[len(label) + step] = ours + theirs
    steps = np.searchsorted(joined[:, 2], limits, side="right")
    return np.asarray(2 * right[steps] / np.maximum(1, together[steps] + same), np.float64)


def _joined(vectors: NDArray[np.float32]) -> Floats:
    """Return the joins of n photos to one group, as `scipy.cluster.hierarchy.linkage` does, `(n - 1, 4)`."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    apart = np.maximum(0, 1 - vectors.astype(np.float64) @ vectors.T.astype(np.float64))
    np.fill_diagonal(apart, 0)
    return np.asarray(linkage(squareform(apart, checks=False), "average"), np.float64)


def agreement(groups: Ids, labels: NDArray[Any], known: set[str]) -> dict[str, Any]:
    """Compare groups of n photos with their true classes.

    Args:
        groups: (n,) number of each photo's group.
        labels: (n,) its true class.
        known: The classes that the classifier was trained on.

    Returns:
        photos; groups: those of two or more photos; alone: the other photos. If photos are of at least two classes that
        were never trained on, also classes: all true classes; purity: the share of photos whose class is the most
        frequent one of their group (1 where each is alone); adjusted_rand: the adjusted Rand index, 0 by chance and 1
        for the true classes (Hubert and Arabie, 1985). Photos that all have one class, such as new_whale, don't say
        which individuals they show.
    """
    from sklearn.metrics import adjusted_rand_score

    sizes = np.unique(groups, return_counts=True)[1]
    found: dict[str, Any] = {
        "photos": len(groups),
        "groups": int((sizes > 1).sum()),
        "alone": int((sizes == 1).sum()),
    }
    if len(set(labels.tolist()) - known) < 2:
        return found
    cells, counts = np.unique(np.stack([groups.astype(str), labels.astype(str)]), axis=1, return_counts=True)
    most = [counts[cells[0] == number].max() for number in np.unique(cells[0])]
    return found | {
        "classes": len(set(labels.tolist())),
        "purity": rounded(float(np.sum(most) / len(groups))),
        "adjusted_rand": rounded(float(adjusted_rand_score(labels.astype(str), groups))),
    }


def _pairs(sizes: NDArray[np.int64]) -> float:
    return float((sizes * (sizes - 1)).sum() / 2)
