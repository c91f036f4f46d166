"""The decision at the end of a run: champion, challenger and the pinned list together."""

import shutil

import pytest

from configs.schema import PromoteConfig
from flows.models.decision import Decision
from flows.models.decision_text import lines
from flows.models.registry import Registry
from flows.run_records import read_records
from tests.helpers.decisions import QUICK, Nights, Photo, answer_as, champion, listed, measured, photos, told


def test_the_first_model_is_used(nights: Nights) -> None:
    run = nights.run(photos(60), classifier="a")
    decision = nights.decide(run, QUICK)
    assert (decision.outcome, decision.reason) == ("promoted", "it is the first model of demo")
    assert decision.headline is not None
    assert (decision.headline.value, decision.photos) == (0.9, 60)
    assert champion(nights) == run.id
    assert listed(nights) == 60
    saved = read_records(nights.store.root)[0]
    assert (saved.state, saved.decision, saved.reason) == ("done", "promoted", "it is the first model of demo")
    assert told(nights, run) == f"champion of demo: run {run.id}, from now on: it is the first model of demo"


def test_a_worse_model_is_refused(nights: Nights) -> None:
    first = nights.run(photos(60, wrong=5), classifier="a")
    nights.decide(first, QUICK)
    worse = nights.run(photos(60, wrong=25), classifier="b")
    assert nights.decide(worse, QUICK).outcome == "refused"
    assert champion(nights) == first.id
    line = told(nights, worse)
    assert line.startswith(
        f"champion of demo: run {first.id} stays; the new model was refused: accuracy is 33.3 points"
    )
    assert line.endswith(f"on 60 listed photos; `fluke promote {worse.id}` uses it anyway")
    assert "also: recall falls by more than promote.max_class_drop=0.1" in [*lines(worse, nights.store.root)][1]


def test_a_better_model_replaces_the_champion(nights: Nights) -> None:
    nights.decide(nights.run(photos(60, wrong=25), classifier="a"), QUICK)
    better = nights.run(photos(60, wrong=5), classifier="b")
    decision = nights.decide(better, QUICK)
    assert decision.outcome == "promoted"
    assert champion(nights) == better.id
    assert decision.compared["difference"]["value"] == pytest.approx(20 / 60)


def test_photos_of_a_refused_run_do_not_join_the_list(nights: Nights) -> None:
    nights.decide(nights.run(photos(60, wrong=5), classifier="a"), QUICK)
    more = [*photos(60, wrong=40), *photos(10, begin=100)]
    nights.decide(nights.run(more, classifier="b"), QUICK)
    assert listed(nights) == 60


def test_swapped_labels_are_refused_though_the_new_model_answers_as_they_are(nights: Nights) -> None:
    first = nights.run(photos(60, wrong=5), classifier="a")
    nights.decide(first, QUICK)
    swapped = [Photo(each.name, "dog" if each.label == "cat" else "cat") for each in photos(60)]
    decision = nights.decide(nights.run(swapped, classifier="b"), QUICK)
    assert decision.outcome == "refused"
    assert any("60 of 60 listed photos are in another class now" in note for note in decision.compared["notes"])
    assert champion(nights) == first.id


def test_undecided_keeps_the_champion_unless_it_is_set_otherwise(nights: Nights) -> None:
    first = nights.run(photos(100, wrong=5), classifier="a")
    nights.decide(first, QUICK)
    nearly = nights.run(photos(100, wrong=7), classifier="b")
    assert nights.decide(nearly, QUICK).outcome == "undecided"
    assert champion(nights) == first.id
    assert "stays; undecided: accuracy is 2.0 points lower" in told(nights, nearly)
    used = QUICK.model_copy(update={"promote": PromoteConfig(undecided="promote")})
    decision = nights.decide(nearly, used)
    assert decision.outcome == "promoted"
    assert decision.reason.endswith("and promote.undecided=promote")


def test_small_losses_of_several_nights_do_not_add_up(nights: Nights) -> None:
    allowed = QUICK.model_copy(update={"promote": PromoteConfig(margin=0.02)})
    nights.decide(nights.run(photos(100, wrong=5), classifier="a"), allowed)
    second = nights.run(photos(100, wrong=7), classifier="b")
    assert nights.decide(second, allowed).outcome == "promoted"
    third = nights.decide(nights.run(photos(100, wrong=9), classifier="c"), allowed)
    assert third.outcome == "undecided"
    assert "already 2.0 points below the best model before it" in third.reason
    assert champion(nights) == second.id


def test_gone_photos_still_count_and_are_said(nights: Nights, caplog: pytest.LogCaptureFixture) -> None:
    nights.decide(nights.run(photos(60, wrong=5), classifier="a"), QUICK)
    later = nights.run(photos(60, wrong=5), classifier="b", gone=[f"{i:04d}" for i in range(12)])
    decision = nights.decide(later, QUICK)
    assert (decision.outcome, decision.compared["photos"], decision.compared["gone"]) == ("promoted", 60, 12)
    assert "12 of 60 listed photos are gone from the crawl; they still count" in caplog.text


def test_a_champion_whose_photos_are_not_known_any_more_can_not_be_compared(nights: Nights) -> None:
    first = nights.run(photos(60), classifier="a")
    nights.decide(first, QUICK)
    kept = next(each.artifact for each in first.stages if each.artifact.stage == "filter")
    shutil.rmtree(nights.store.folder(kept))
    decision = nights.decide(nights.run(photos(60), classifier="b"), QUICK)
    assert decision.outcome == "undecided"
    assert f"the champion, run {first.id}, can't be asked" in decision.reason


def test_a_data_folder_without_a_registry_keeps_its_last_good_model(nights: Nights) -> None:
    old = nights.run(photos(60, wrong=5), classifier="a")
    old.end("done")
    old.save(nights.store.root)
    worse = nights.run(photos(60, wrong=25), classifier="b")
    assert nights.decide(worse, QUICK).outcome == "refused"
    assert champion(nights) == old.id
    assert [each.run for each in Registry(nights.store.root, "demo").history()] == [old.id, worse.id]


@pytest.mark.slow
def test_a_person_who_chooses_another_model_meanwhile_is_not_overruled(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = nights.store.root
    first, second = (nights.run(photos(60, wrong=wrong), classifier=f"{wrong}") for wrong in (5, 10))
    nights.decide(first, QUICK)
    nights.decide(second, QUICK)
    calls: list[str | None] = []
    asked = Registry.champion

    def choosing(self: Registry) -> str | None:
        found = asked(self)
        calls.append(found)
        if len(calls) == 1:
            Registry(root, "demo").append(Decision(run=second.id, outcome="promoted", by="person"))
        return found

    monkeypatch.setattr(Registry, "champion", choosing)
    decision = nights.decide(nights.run(photos(60, wrong=10), classifier="c"), QUICK)
    assert decision.compared["champion"] == second.id


def test_baselines_refuse_a_model_that_is_not_worse_than_the_champion(nights: Nights) -> None:
    nights.decide(nights.run(photos(60, wrong=5), classifier="a"), QUICK)
    poor = nights.run(photos(60, wrong=5), classifier="b", metrics=measured(logistic=-0.1))
    assert "worse than the baseline logistic regression" in nights.decide(poor, QUICK).reason


def test_a_class_that_the_new_model_does_not_know_is_said(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = photos(60, labels=("cat", "dog", "fox"))
    nights.decide(nights.run(rows, classifier="a"), QUICK)
    without = nights.run([each for each in rows if each.label != "fox"], classifier="b")
    answer_as(monkeypatch, nights, [Photo(each.name, "cat") for each in rows])
    decision = nights.decide(without, QUICK)
    assert decision.outcome == "refused"
    assert decision.reason.startswith("accuracy is 33.3 points lower")
    assert "the new model does not know the class of 20 listed photos (fox)" in decision.compared["notes"][1]
