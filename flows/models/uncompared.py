"""What is decided about a model without comparing its answers with those of the champion."""

from typing import Any

from flows.models.case import Case, Judged
from flows.models.decision import LIST_COUNTS, Decision
from flows.models.test_list import Growth
from flows.run_records import RunRecord, StageRecord
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_MOST_GONE = 0.5
"""Share of the list that may have left the crawl. What is left of it is another collection."""
_CHANGES = ("promoted", "rolled back", "retired")
"""The decisions that change which model is used."""


def repeated(case: Case) -> Decision | None:
    """Leave it at the last decision, if that was about the same artifacts, and their model is the champion.

    Then no photo can join or leave the test list: whoever decides about a photo changes the key of `filter`. So a
    night without new photos needs no tables, nor pandas, whose import takes 0.3 s.
    """
    history = case.registry.history()
    last = history[-1] if history else None
    if last is None or last.by != "gate" or last.outcome not in ("promoted", "unchanged"):
        return None
    if not last.compared.keys() >= {*LIST_COUNTS}:  # of an earlier version
        return None
    champion = last.run if last.outcome == "promoted" else last.compared["champion"]
    before = case.record_of(last.run)
    if champion != case.champion_id or before is None or before.artifacts != case.record.artifacts:
        return None
    return Decision(
        run=case.record.id,
        outcome="unchanged",
        reason=_same_classifier(champion),
        by="gate",
        headline=last.headline,
        photos=last.photos,
        compared={"champion": champion} | {name: last.compared[name] for name in LIST_COUNTS},
    )


def without_comparison(case: Case, growth: Growth) -> Judged | None:
    """Decide what needs no answers of both models; None: they must be compared."""
    champion, name = case.champion, case.registry.name
    if withdrawn := _withdrawn(case):
        return Judged("refused", withdrawn, {"champion": case.champion_id})
    if case.champion_id is None:
        is_first = not case.registry.history()
        return Judged("promoted", f"it is the first model of {name}" if is_first else f"{name} has no champion", {})
    against = {"champion": case.champion_id}
    if champion is None or champion.model_state(case.store.root) == "gone":
        return Judged("promoted", f"the model of the champion, run {case.champion_id}, is gone", against)
    if _has_same_classifier(case, champion) and _rule_of(case.store, champion) == _rule_of(case.store, case.record):
        return Judged("unchanged", _same_classifier(champion.id), against)
    if len(growth.gone) > _MOST_GONE * len(growth.rows):
        return case.undecided(
            f"{len(growth.gone):,} of {len(growth.rows):,} listed photos are gone from the crawl; if that is "
            f"right, `fluke testlist {name} --refresh` pins the present test photos",
            against,
        )
    return None


def _withdrawn(case: Case) -> str | None:
    """Say that a person wants this classifier, or any of this name, to be used no more; None: that isn't so."""
    changes = [each for each in case.registry.history() if each.outcome in _CHANGES]
    if changes and changes[-1].outcome == "retired" and not changes[-1].run:
        return f"a person has retired all models of {case.registry.name}"
    last = {each.run: each for each in changes}
    for run in case.records:
        withdrawn = run.id in last and last[run.id].outcome != "promoted"
        if withdrawn and run.id != case.champion_id and _has_same_classifier(case, run):
            return f"a person has {last[run.id].outcome} the same classifier, that of run {run.id}"
    return None


def _has_same_classifier(case: Case, other: RunRecord) -> bool:
    trained = [each.artifact.digest for run in (other, case.record) for each in run.stages if _is_training(each)]
    return len(trained) == 2 and trained[0] == trained[1]


def _rule_of(store: Store, run: RunRecord) -> dict[str, Any] | None:
    """Return the settings of a run's evaluation, by which its classifier's logits become answers; None: damaged."""
    evaluated = next(each.artifact for each in run.stages if each.artifact.stage == "evaluate")
    try:
        return Manifest.read(store.folder(evaluated)).cache_key.config
    except (OSError, ValueError):
        return None


def _is_training(stage: StageRecord) -> bool:
    return stage.artifact.stage == "train"


def _same_classifier(run: str) -> str:
    return f"it has the same classifier as run {run}"
