import re

import numpy as np

from tasks.evaluate.report import confusion, style


def test_numbers_are_written_into_small_matrices_only() -> None:
    matrix = np.array([[41, 1], [2, 37]])
    assert re.findall(r">(\d+)</text>", style.svg(confusion.confusion(matrix, ["a", "b"]))) == [
        "41",
        "1",
        "2",
        "37",
    ]
    many = style.svg(confusion.confusion(np.full((300, 300), 7), [f"c{i}" for i in range(300)]))
    assert "c0" not in many
    assert len(many) < 50_000


def test_the_worst_of_many_classes_are_named_and_the_others_put_together() -> None:
    matrix = 9 * np.eye(50, dtype=np.int64)
    matrix[[30, 31, 31], [31, 30, 7]] = 4, 3, 2
    matrix[40, 41] = 1  # a pair of its own
    assert sorted(confusion.most_mistaken(matrix, 15)) == [7, 30, 31, 40, 41]
    assert sorted(confusion.most_mistaken(matrix, 3)) == [7, 30, 31]
    chosen = confusion.most_mistaken(matrix, 15)
    assert abs(chosen.index(40) - chosen.index(41)) == abs(chosen.index(30) - chosen.index(31)) == 1
    matrix[20, 30] = 5
    matrix[:, 21] += 1
    text = style.svg(confusion.mistaken(matrix, [f"class {i}" for i in range(50)]))
    assert "class 30" in text
    assert text.count("all others") == 2  # as true and as predicted
    assert confusion.most_mistaken(np.eye(50, dtype=np.int64), 15) == []


def test_of_equally_bad_confusions_those_with_a_class_that_is_there_come_first() -> None:
    matrix = np.eye(50, dtype=np.int64)
    matrix[10, 11] = 3
    matrix[0, 1] = matrix[48, 11] = 1
    assert sorted(confusion.most_mistaken(matrix, 3)) == [10, 11, 48]
