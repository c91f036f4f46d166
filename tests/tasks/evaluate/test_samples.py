import pandas as pd

from tasks.evaluate.samples import mistakes, successes


def test_the_surest_mistakes_come_first() -> None:
    rows = pd.DataFrame(
        [("1", "a", "b", 0.6), ("2", "a", "a", 0.99), ("3", "b", "a", 0.9), ("0", "b", "a", 0.6)],
        columns=["photo", "label", "predicted", "probability"],
    )
    assert mistakes(rows, 9)["photo"].tolist() == ["3", "0", "1"]
    assert mistakes(rows, 1)["photo"].tolist() == ["3"]
    assert mistakes(rows, 0).empty


def test_right_ones_take_turns_by_class() -> None:
    rows = pd.DataFrame({"label": ["a", "a", "a", "b", "b"], "photo": ["3", "1", "2", "9", "8"]})
    rows["predicted"] = ["a", "a", "a", "b", "a"]
    assert successes(rows, 9)["photo"].tolist() == ["1", "9", "2", "3"]
