"""Photos that are answered as unknown are put into proposed groups."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import unknown_groups
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.unknown_groups import agreement, group, merge_limit, propose_groups
from tasks.inference.arrays import ScoredPredictions, l2_normalize
from tasks.inference.predictions import table

RNG = np.random.default_rng(0)
CONFIG = EvaluateConfig(unknown="threshold", unknown_label="new")


def around(centres: int, each: int, *, spread: float = 0.3, length: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors `(n, length)` around random centres, and the centre of each."""
    centre = np.arange(centres).repeat(each)
    directions = l2_normalize(np.eye(length, dtype=np.float32)[:centres])
    vectors = directions[centre] + RNG.normal(0, spread / np.sqrt(length), (len(centre), length))
    return l2_normalize(vectors.astype(np.float32)), centre


def partition(numbers: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(numbers == number).tolist()) for number in set(numbers.tolist())}


def test_groups_are_those_of_the_limit_that_known_classes_suggest() -> None:
    known, classes = around(10, 6)
    limit = merge_limit(known, classes, 12, seed=0)
    assert limit is not None
    unknown, individual = around(4, 5)
    order = RNG.permutation(len(unknown))
    found = group(unknown[order], limit)
    assert partition(found.number) == partition(individual[order])


def test_the_largest_group_is_the_first_and_distances_are_to_the_medoid() -> None:
    vectors, _ = around(2, 4)
    found = group(vectors[[0, 4, 5, 1, 2, 6, 7]], 0.5)
    assert found.number.tolist() == [2, 1, 1, 2, 2, 1, 1]
    for rows in ([0, 3, 4], [1, 2, 5, 6]):
        apart = 1 - (own := vectors[[0, 4, 5, 1, 2, 6, 7]][rows].astype(np.float64)) @ own.T
        medoid = apart.sum(axis=1).argmin()
        assert found.distance[rows[medoid]] == 0
        np.testing.assert_allclose(found.distance[rows], apart[medoid], atol=1e-6)


def test_equal_photos_are_one_group_and_opposite_ones_are_not() -> None:
    vectors = np.array([[1, 0], [1, 0], [-1, 0]], np.float32)
    found = group(vectors, 0)
    assert found.number.tolist() == [1, 1, 2]
    assert found.distance.tolist() == [0, 0, 0]


def test_f1_of_pairs_equals_counting_them() -> None:
    vectors, classes = around(3, 5, spread=1.5)
    limits = np.linspace(0, 1.5, 16)
    expected = []
    for limit in limits:
        number = group(vectors, limit).number
        pairs = list(combinations(range(len(vectors)), 2))
        together = [number[one] == number[other] for one, other in pairs]
        same = [classes[one] == classes[other] for one, other in pairs]
        right = sum(one and other for one, other in zip(together, same, strict=True))
        expected.append(2 * right / max(1, sum(together) + sum(same)))
    np.testing.assert_allclose(unknown_groups._f1_of_pairs(vectors, classes, limits), expected)


@pytest.mark.parametrize("classes", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_without_pairs_of_the_same_and_of_other_classes_there_is_no_limit(classes: list[int]) -> None:
    assert merge_limit(around(4, 1)[0], np.array(classes), 4, seed=0) is None


def test_the_limit_is_the_same_each_time() -> None:
    vectors, classes = around(8, 4, spread=1)
    assert merge_limit(vectors, classes, 9, seed=3) == merge_limit(vectors, classes, 9, seed=3)


def test_agreement_with_true_classes() -> None:
    found = agreement(np.array([1, 1, 1, 2, 2, 3]), np.array(["x", "x", "y", "y", "y", "a"]), {"a", "b"})
    assert {**found, "adjusted_rand": None} == {
        "photos": 6,
        "groups": 2,
        "alone": 1,
        "classes": 3,
        "purity": round(5 / 6, 6),
        "adjusted_rand": None,
    }
    assert 0 < found["adjusted_rand"] < 1


def test_photos_of_one_unknown_class_do_not_say_whom_they_show() -> None:
    labels = np.array(["new_whale", "new_whale", "a"])
    assert agreement(np.array([1, 1, 2]), labels, {"a"}) == {"photos": 3, "groups": 1, "alone": 1}


def evaluation(folder: Path, answered: int = 8) -> EvalSet:
    """Write the files of an evaluation of known classes, and of two unknown ones of which some are so answered."""
    vectors, individual = around(8, 8)
    known = individual < 6
    labels = [f"k{i}" for i in range(6)]
    split = np.where(known, np.where(np.arange(64) % 8 < 6, "train", "test"), "test")
    rows = pd.DataFrame({"photo": [f"{i:064x}" for i in range(64)], "split": split})
    rows["label"] = [f"k{number}" if number < 6 else f"u{number}" for number in individual.tolist()]
    rows = rows.assign(name=rows["photo"].str[-2:] + ".jpg", group=rows["photo"], file="x")
    truth = np.minimum(individual, 6)
    eval_set = EvalSet(rows, labels, "new", [*labels, "new"], truth)
    held_out = eval_set.is_held_out
    probabilities = np.full((held_out.sum(), 7), 0.01)
    answer = truth[held_out].copy()
    answer[np.flatnonzero(answer == 6)[answered:]] = 0
    probabilities[np.arange(len(answer)), answer] = 0.94
    predictions = table(
        rows[held_out], ScoredPredictions.of(truth[held_out], probabilities), probabilities, eval_set.names, 3
    )
    tables.evaluate.PREDICTIONS.write(predictions, folder)
    np.save(tables.evaluate.FEATURES.path(folder), vectors + 5)  # features of most networks are far from 0
    np.save(tables.evaluate.LOGITS.path(folder), np.log(probabilities[:, :6]))
    np.save(tables.evaluate.DESCRIPTORS.path(folder), vectors)
    return eval_set


def test_an_evaluation_proposes_groups(tmp_path: Path) -> None:
    eval_set = evaluation(tmp_path, answered=12)
    found = propose_groups(CONFIG, eval_set, tmp_path)
    assert found is not None
    assert (found["photos"], found["groups"], found["alone"], found["classes"]) == (12, 2, 0, 2)
    assert found["purity"] == found["adjusted_rand"] == 1
    proposed = tables.evaluate.UNKNOWN_GROUPS.read(tmp_path)
    assert proposed["group"].tolist() == [1] * 8 + [2] * 4
    assert proposed.groupby("group")["label"].nunique().tolist() == [1, 1]
    assert proposed.groupby("group")["distance"].min().tolist() == [0, 0]
    assert (proposed["name"] == proposed["photo"].str[-2:] + ".jpg").all()


@pytest.mark.parametrize("answered", [0, 1])
def test_fewer_than_two_unknown_photos_are_not_grouped(tmp_path: Path, answered: int) -> None:
    assert propose_groups(CONFIG, evaluation(tmp_path, answered), tmp_path) is None
    assert not tables.evaluate.UNKNOWN_GROUPS.path(tmp_path).exists()


def test_nothing_is_grouped_without_an_answer_for_unknown_photos(tmp_path: Path) -> None:
    known = evaluation(tmp_path)
    without = EvalSet(known.rows, known.labels, None, known.names, known.truth)
    assert propose_groups(EvaluateConfig(), without, tmp_path) is None


def test_only_the_most_certainly_unknown_of_very_many_are_grouped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_groups, "MOST_PHOTOS", 5)
    found = propose_groups(CONFIG, evaluation(tmp_path, answered=12), tmp_path)
    assert found is not None
    assert found["photos"] == len(tables.evaluate.UNKNOWN_GROUPS.read(tmp_path)) == 5
