"""Which new test photos join the list: those with wrong labels wait, and those that are only hard join."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import pytest

from flows.models import list_report
from flows.models import test_list as lists
from flows.models.test_list import Growth, PinnedList
from flows.models.waiting import DOUBTED, NIGHT, REFUSED, UNANSWERED, admit, admit_all_but
from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tests.helpers.decisions import QUICK, Nights, Photo, answer_as, photos

LISTED = 100


def growth(batches: dict[int, int], decided: frozenset[str] = frozenset()) -> Growth:
    """A hundred listed photos, called l0 and so on, and candidates of some runs, called <run>-0 and so on."""
    names = [f"l{i}" for i in range(LISTED)]
    since = [1] * LISTED
    for run, count in batches.items():
        names += [f"{run}-{i}" for i in range(count)]
        since += [run] * count
    rows = pd.DataFrame({"photo": names, "file": "f", "label": "cat", "group": names, "since": since})
    candidates = frozenset(name for name in names if "-" in name)
    return lists.Growth(rows, 9, candidates, decided, gone=frozenset())


def doubted(found: Growth, *photos: str) -> dict[str, bool]:
    return {photo: photo in photos for photo in found.rows["photo"]}


def test_new_photos_join_and_a_doubted_one_waits() -> None:
    found = growth({9: 20})
    admission = admit(found, doubted(found, "9-3", "l0", "l1"))
    assert admission.waits == {"9-3": DOUBTED}
    assert len(admission.listed) == LISTED + 19
    assert admission.waiting[["photo", "since", "waits"]].to_numpy().tolist() == [["9-3", 9, DOUBTED]]
    assert [*admission.notes()] == [
        "1 new test photo waits to join the test list, since both models contradict their labels; `fluke testlist` "
        "names them"
    ]


def test_all_new_photos_of_a_run_wait_if_its_labels_are_doubted_too_often() -> None:
    found = growth({8: 20, 9: 20})
    admission = admit(found, doubted(found, "l0", *(f"9-{i}" for i in range(5))))
    assert {photo.split("-")[0] for photo in admission.waits} == {"9"}
    assert sorted(set(admission.waits.values())) == [DOUBTED, NIGHT]
    assert set(admission.listed.loc[admission.listed["since"] == 9, "photo"]) == {f"8-{i}" for i in range(20)}


def test_as_many_doubts_as_on_the_list_stop_nobody_else() -> None:
    found = growth({9: 20})
    on_list = [f"l{i}" for i in range(20)]
    assert admit(found, doubted(found, *on_list, "9-0", "9-1", "9-2", "9-3")).waits == dict.fromkeys(
        [f"9-{i}" for i in range(4)], DOUBTED
    )


def test_what_was_not_compared_waits_and_what_a_person_confirmed_joins() -> None:
    found = growth({9: 3}, decided=frozenset({"9-0", "9-1"}))
    some = {photo: photo == "9-0" for photo in found.rows["photo"] if photo not in ("9-1", "9-2")}
    assert admit(found, some).waits == {"9-2": UNANSWERED}
    assert admit_all_but(found, REFUSED).waits == {"9-2": REFUSED}


def test_near_duplicates_count_as_one_doubt() -> None:
    found = growth({9: 20})
    rows = found.rows.assign(
        group=found.rows["photo"].where(~found.rows["photo"].isin([f"9-{i}" for i in range(5)]), "g")
    )
    together = lists.Growth(rows, 9, found.candidates, frozenset(), gone=frozenset())
    admission = admit(together, doubted(together, "l0", *(f"9-{i}" for i in range(5))))
    assert set(admission.waits.values()) == {DOUBTED}


@dataclass(frozen=True)
class Night:
    """A run with some new test photos whose labels are wrong, as all models answer."""

    wrong: int
    right: int = 14
    classifier: str = "b"
    sure: float = 0.98


def names_of(rows: Sequence[Photo]) -> set[str]:
    return {each.name for each in rows}


def new_photos(night: Night) -> tuple[list[Photo], list[Photo]]:
    """Return the new test photos: those with wrong labels, and the others."""
    wrong = [Photo(f"1{i:03d}", "cat", answer="dog", probability=night.sure) for i in range(night.wrong)]
    return wrong, photos(night.right, begin=2000)


def stored(nights: Nights) -> tuple[set[str], dict[str, str]]:
    """Return the new photos that are on the list, and those that wait with the reason."""
    pinned = PinnedList(nights.store.root, "demo")
    rows, waiting = pinned.read(), pinned.waiting()
    assert rows is not None
    return set(rows["photo"]) - names_of(photos(60)), dict(zip(waiting["photo"], waiting["waits"], strict=True))


@pytest.fixture(name="nights")
def _nights(nights: Nights) -> Nights:
    """One run, that of the classifier a."""
    nights.decide(nights.run(photos(60, wrong=5), classifier="a"), QUICK)
    return nights


@pytest.mark.parametrize("wrong_answers", [5, 7], ids=["promoted", "undecided"])
def test_a_night_with_wrong_labels_that_is_not_refused_puts_none_on_the_list(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, wrong_answers: int
) -> None:
    wrong, right = new_photos(Night(wrong=6))
    answer_as(monkeypatch, nights, [*wrong, *right])
    run = nights.run([*photos(60, wrong=wrong_answers), *wrong, *right], classifier="b")
    decision = nights.decide(run, QUICK)
    assert decision.outcome == ("promoted" if wrong_answers == 5 else "undecided")
    assert stored(nights) == (set(), dict.fromkeys(names_of(wrong), DOUBTED) | dict.fromkeys(names_of(right), NIGHT))
    assert (decision.compared["listed"], decision.compared["waiting"], decision.compared["photos"]) == (60, 20, 60)
    assert any("6 new test photos wait to join" in note for note in decision.compared["notes"])


def test_photos_that_are_only_hard_join(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    hard, right = new_photos(Night(wrong=6, sure=0.9))
    answer_as(monkeypatch, nights, [*hard, *right])
    nights.decide(nights.run([*photos(60, wrong=5), *hard, *right], classifier="b"), QUICK)
    assert stored(nights) == (names_of([*hard, *right]), {})


def test_a_photo_that_only_one_model_contradicts_joins(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right = new_photos(Night(wrong=6))
    learned = [replace(each, answer="cat") for each in wrong]  # the new model gets them right
    answer_as(monkeypatch, nights, [*wrong, *right])
    nights.decide(nights.run([*photos(60, wrong=5), *learned, *right], classifier="b"), QUICK)
    assert stored(nights) == (names_of([*wrong, *right]), {})


def test_waiting_photos_join_when_a_person_has_confirmed_or_the_source_has_corrected_them(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = nights.store.root
    wrong, right = new_photos(Night(wrong=6))
    answer_as(monkeypatch, nights, [*wrong, *right])
    old = photos(60, wrong=5)
    nights.decide(nights.run([*old, *wrong, *right], classifier="b"), QUICK)
    report = list_report.read(root, "demo")
    assert [line.split(":")[0] for line in list_report.lines(report)][1:] == [
        "6 photos wait to join, since both models contradict their labels",
        "14 photos wait to join, since the labels of their run are doubted more often than those of the list",
        "confirm or correct their labels in `fluke review`, and they join with the next run",
    ]

    confirmed, corrected = wrong[:1], [Photo(each.name, "dog") for each in wrong[1:]]
    kept = [Decision(ReviewKey(each.name, "cat"), "keep") for each in confirmed]
    monkeypatch.setattr(review_log, "read", lambda _: {each.key: each for each in kept})
    nights.decide(nights.run([*old, *confirmed, *corrected, *right], classifier="c"), QUICK)
    assert stored(nights) == (names_of([*wrong, *right]), {})


def test_without_a_champion_to_ask_the_new_model_alone_doubts(nights: Nights) -> None:
    wrong, right = new_photos(Night(wrong=1))
    again = nights.run([*photos(60, wrong=5), *wrong, *right], classifier="a")
    assert nights.decide(again, QUICK).outcome == "unchanged"
    assert stored(nights) == (names_of(right), {wrong[0].name: DOUBTED})
