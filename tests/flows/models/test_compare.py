"""Which listed photos two models are compared on, and with which answers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.models import compare
from flows.models.test_list import pin
from flows.predict import model as models
from flows.predict import predict as predicting
from flows.run_records import RunRecord
from tasks import tables
from tasks.store.progress import silent
from tests.helpers.decisions import Nights, Photo, photos


def kept(nights: Nights, record: RunRecord) -> pd.DataFrame:
    folder = next(nights.store.folder(each.artifact) for each in record.stages if each.artifact.stage == "filter")
    return tables.filter.KEPT.read(folder)


def answers(nights: Nights, challenger: RunRecord, champion: RunRecord, listed: pd.DataFrame) -> compare.Answers:
    with ThreadPoolExecutor(1) as threads:
        return compare.answers(nights.store, challenger, champion, listed, threads=threads, progress=silent)


def test_answers_of_the_evaluations_are_used(nights: Nights) -> None:
    old = nights.run(photos(10, wrong=2), classifier="a")
    new = nights.run(photos(10, wrong=4), classifier="b")
    found = answers(nights, new, old, pin(kept(nights, old), 1))
    assert len(found.photos) == 10
    assert (found.champion.predicted == found.champion.truth).sum() == 8
    assert (found.challenger.predicted == found.challenger.truth).sum() == 6
    assert not found.notes


@pytest.mark.parametrize(
    ("row", "refitted", "trained_on"),
    [
        (Photo("0000", "cat", "train"), False, []),
        (Photo("0000", "cat", "val"), True, []),
        (Photo("9999", "cat", "train", group="0000"), False, []),  # a near duplicate, in the group of the listed one
        (Photo("9999", "cat"), False, ["0000"]),  # the classifier that it was initialised from
    ],
)
def test_photos_that_a_model_has_trained_on_are_left_out(
    row: Photo, refitted: bool, trained_on: list[str], nights: Nights
) -> None:
    old = nights.run(photos(10), classifier="a")
    listed = pin(kept(nights, old), 1)
    rows = [row, *(each for each in photos(10) if each.name != row.name)]
    new = nights.run(rows, classifier="b", refitted=refitted, trained_on=trained_on)
    for pair in ((new, old), (old, new)):
        found = answers(nights, *pair, listed)
        assert "0000" not in found.photos
        assert len(found.photos) == 9
        assert "1 of 10 listed photos aren't compared" in found.notes[0]


def test_validation_photos_count_where_the_model_has_not_learned_from_them(nights: Nights) -> None:
    old = nights.run(photos(10), classifier="a")
    rows = [Photo("0000", "cat", "val"), *photos(9, begin=1)]
    found = answers(nights, nights.run(rows, classifier="b"), old, pin(kept(nights, old), 1))
    assert len(found.photos) == 10


def test_too_few_comparable_photos_are_no_comparison(nights: Nights) -> None:
    old = nights.run(photos(10), classifier="a")
    rows = [Photo(each.name, each.label, "train") for each in photos(6)]
    new = nights.run([*rows, *photos(4, begin=6)], classifier="b")
    with pytest.raises(compare.NotComparableError, match="only 4 of 10 listed photos can be compared"):
        answers(nights, new, old, pin(kept(nights, old), 1))


def test_photos_that_joined_later_are_predicted(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    old = nights.run(photos(10), classifier="a")
    new = nights.run(photos(14), classifier="b")
    for name in ("0010", "0011", "0012"):  # 0013 is gone
        path = nights.store.root / f"photos/{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    asked: list[str] = []

    def predict(model: str, there: list[tuple[str, Path]], **_: Any) -> pd.DataFrame:
        asked.extend([model, *(name for name, _ in there)])
        top = {"0010": ("cat", "dog", ""), "0011": ("cat", "dog", ""), "0012": (None, None, "damaged")}
        rows = [(name, *top[name]) for name, _ in there]
        return pd.DataFrame(rows, columns=["image", "class_1", "class_2", "error"])

    monkeypatch.setattr(models, "of_run", lambda _, run: run.id)
    monkeypatch.setattr(predicting, "predict", predict)
    found = answers(nights, new, old, pin(kept(nights, new), 1))
    assert (asked[0], set(asked[1:])) == (old.id, {"0010", "0011", "0012"})
    assert set(found.photos) == {f"{i:04d}" for i in range(12)}
    wrong = found.photos.index("0011")  # a dog
    assert (found.champion.rank[wrong], found.champion.predicted[wrong]) == (2, found.names.index("cat"))
    assert "2: their files are gone or can't be read" in found.notes[0]


def test_a_class_that_the_champion_never_saw_is_its_mistake(nights: Nights) -> None:
    old = nights.run(photos(10), classifier="a")
    listed = pd.concat([pin(kept(nights, old), 1)])
    listed.loc[listed["photo"] == "0000", "label"] = "fox"
    new = nights.run([Photo("0000", "fox"), *photos(9, begin=1)], classifier="b")
    found = answers(nights, new, old, listed)
    fox = found.photos.index("0000")
    assert found.names[found.challenger.truth[fox]] == "fox"
    assert found.challenger.predicted[fox] == found.challenger.truth[fox]
    assert found.champion.predicted[fox] != found.champion.truth[fox]
    assert found.champion.rank[fox] > 5
