import re

import numpy as np
import pytest

from tasks.evaluate.report import confusion, style


def test_only_small_matrices_contain_counts() -> None:
    matrix = np.array([[41, 1], [2, 37]])
    assert re.findall(r">(\d+)</text>", style.svg(confusion.confusion_matrix(matrix, ["a", "b"]))) == [
        "41",
        "1",
        "2",
        "37",
    ]
    many = style.svg(confusion.confusion_matrix(np.full((300, 300), 7), [f"c{i}" for i in range(300)]))
    assert "c0" not in many
    assert len(many) < 50_000


@pytest.mark.slow
def test_the_most_confused_classes_are_named_and_the_others_summed() -> None:
    matrix = 9 * np.eye(50, dtype=np.int64)
    matrix[[30, 31, 31], [31, 30, 7]] = 4, 3, 2
    matrix[40, 41] = 1  # a separate pair
    assert sorted(confusion.most_confused_classes(matrix, 15)) == [7, 30, 31, 40, 41]
    assert sorted(confusion.most_confused_classes(matrix, 3)) == [7, 30, 31]
    chosen = confusion.most_confused_classes(matrix, 15)
    assert abs(chosen.index(40) - chosen.index(41)) == abs(chosen.index(30) - chosen.index(31)) == 1
    matrix[20, 30] = 5
    matrix[:, 21] += 1
    text = style.svg(confusion.most_confused(matrix, [f"class {i}" for i in range(50)]))
    assert "class 30" in text
    assert text.count("all others") == 2  # as true and as predicted
    assert confusion.most_confused_classes(np.eye(50, dtype=np.int64), 15) == []


def test_on_a_tie_a_pair_with_a_chosen_class_comes_first() -> None:
    matrix = np.eye(50, dtype=np.int64)
    matrix[10, 11] = 3
    matrix[0, 1] = matrix[48, 11] = 1
    assert sorted(confusion.most_confused_classes(matrix, 3)) == [10, 11, 48]
