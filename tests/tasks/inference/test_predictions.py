import numpy as np
import pandas as pd

from tasks.inference.arrays import ScoredPredictions
from tasks.inference.predictions import scored_predictions, submission, table, top_classes
from tasks.inference.scores import score


def test_blanks_in_class_names_become_underscores() -> None:
    sent = submission(["a.jpg", "b.jpg"], [["fin  whale", "orca"], ["orca"]])
    assert sent.to_dict("list") == {"Image": ["a.jpg", "b.jpg"], "Id": ["fin_whale orca", "orca"]}


def test_a_submission_has_at_most_five_names() -> None:
    assert submission(["a.jpg"], [list("abcdefg")])["Id"].tolist() == ["a b c d e"]


def test_scored_predictions_can_be_read_from_the_table() -> None:
    random = np.random.default_rng(0)
    names = ["a", "b", "c", "d"]
    truth = random.integers(0, 4, 30)
    probabilities = random.dirichlet(np.ones(4), 30)
    answers = ScoredPredictions.of(truth, probabilities)
    rows = pd.DataFrame({"photo": [str(i) for i in range(30)], "name": "x", "split": "test"})
    found = table(rows, answers, probabilities, names, 2)
    again = scored_predictions(found, found["label"].tolist(), ["d", "c", "b", "a", "new"])
    ours, theirs = score(answers, 2), score(again, 2)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), atol=1e-6)


def test_top_classes_agree_with_a_stable_sort() -> None:
    probabilities = np.random.default_rng(0).integers(0, 4, (50, 9)) / 10  # many ties, and zeros
    before = probabilities.copy()
    expected = np.argsort(-probabilities, axis=1, kind="stable")
    assert top_classes(probabilities, 5).tolist() == expected[:, :5].tolist()
    assert top_classes(probabilities, 20).tolist() == expected.tolist()
    np.testing.assert_array_equal(probabilities, before)
