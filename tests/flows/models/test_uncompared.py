"""What is decided without comparing answers: the same classifier again, or a model that is gone or withdrawn."""

import shutil

import pytest

from flows.models import decide, person
from flows.models.decision import Decision
from flows.models.registry import Registry
from tests.helpers.decisions import QUICK, Nights, champion, listed, photos, told


def test_the_same_classifier_changes_nothing(nights: Nights) -> None:
    first = nights.run(photos(60), classifier="a")
    nights.decide(first, QUICK)
    again = nights.run(photos(60), classifier="a")
    assert nights.decide(again, QUICK).outcome == "unchanged"
    assert champion(nights) == first.id
    assert told(nights, again) == f"champion of demo: run {first.id} stays; the new run has the same classifier"


def test_the_same_artifacts_again_need_no_table(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nights.run(photos(60), classifier="a")
    before = nights.decide(first, QUICK)
    with monkeypatch.context() as patched:
        patched.setattr(decide, "grow", None)
        for _ in range(2):
            again = nights.decide(nights.cached(first), QUICK)
            assert (again.outcome, again.headline, again.photos) == ("unchanged", before.headline, 60)
            assert again.compared == {"champion": first.id, "listed": 60, "waiting": 0, "gone": 0}
    more = nights.decide(nights.run(photos(61), classifier="a"), QUICK)
    assert (more.outcome, listed(nights)) == ("unchanged", 61)


def test_the_same_artifacts_after_a_decision_of_an_earlier_version_are_compared(nights: Nights) -> None:
    first = nights.run(photos(60), classifier="a")
    nights.decide(first, QUICK)
    Registry(nights.store.root, "demo").append(Decision.about(first, "promoted", "", by="gate"))  # without counts
    again = nights.decide(nights.cached(first), QUICK)
    assert (again.outcome, again.compared["listed"]) == ("unchanged", 60)


def test_the_same_artifacts_are_looked_at_again_after_a_person_has_decided(nights: Nights) -> None:
    first = nights.run(photos(60), classifier="a")
    nights.decide(first, QUICK)
    Registry(nights.store.root, "demo").append(Decision.about(first, "retired", "", by="person"))
    assert nights.decide(nights.cached(first), QUICK).outcome == "refused"


def test_the_same_classifier_with_other_settings_of_the_evaluation_is_another_model(nights: Nights) -> None:
    nights.decide(nights.run(photos(60), classifier="a"), QUICK)
    again = nights.run(photos(60), classifier="a", rule="blend")
    assert nights.decide(again, QUICK).outcome == "promoted"
    assert champion(nights) == again.id


def test_a_list_that_is_mostly_gone_can_not_decide(nights: Nights) -> None:
    nights.decide(nights.run(photos(60, wrong=25), classifier="a"), QUICK)
    later = nights.run(photos(60, wrong=5), classifier="b", gone=[f"{i:04d}" for i in range(31)])
    decision = nights.decide(later, QUICK)
    assert decision.outcome == "undecided"
    assert "31 of 60 listed photos are gone from the crawl" in decision.reason


def test_a_model_whose_champion_was_deleted_is_used(nights: Nights) -> None:
    first = nights.run(photos(60), classifier="a")
    nights.decide(first, QUICK)
    for artifact in first.model_copy(update={"state": "done"}).model:
        shutil.rmtree(nights.store.folder(artifact))
    decision = nights.decide(nights.run(photos(60, wrong=25), classifier="b"), QUICK)
    assert (decision.outcome, decision.reason) == ("promoted", f"the model of the champion, run {first.id}, is gone")


@pytest.mark.slow
def test_a_classifier_that_a_person_has_rolled_back_does_not_come_back_the_next_night(nights: Nights) -> None:
    first, second = (nights.run(photos(60, wrong=wrong), classifier=f"{wrong}") for wrong in (5, 4))
    nights.decide(first, QUICK)
    nights.decide(second, QUICK)
    person.roll_back(nights.store.root, "demo")
    assert champion(nights) == first.id
    again = nights.run(photos(60, wrong=4), classifier="4")
    decision = nights.decide(again, QUICK)
    assert decision.outcome == "refused"
    assert decision.reason == f"a person has rolled back the same classifier, that of run {second.id}"


def test_a_retired_name_stays_retired(nights: Nights) -> None:
    nights.decide(nights.run(photos(60, wrong=5), classifier="a"), QUICK)
    person.retire(nights.store.root, "demo")
    decision = nights.decide(nights.run(photos(60, wrong=2), classifier="b"), QUICK)
    assert (decision.outcome, decision.reason) == ("refused", "a person has retired all models of demo")
    assert champion(nights) is None


def test_after_the_only_model_was_retired_another_one_is_used(nights: Nights) -> None:
    only = nights.run(photos(60, wrong=5), classifier="a")
    nights.decide(only, QUICK)
    person.retire(nights.store.root, only.id)
    assert nights.decide(nights.run(photos(60), classifier="a"), QUICK).outcome == "refused"
    other = nights.run(photos(60, wrong=20), classifier="b")
    decision = nights.decide(other, QUICK)
    assert (decision.outcome, decision.reason) == ("promoted", "demo has no champion")
    assert champion(nights) == other.id
