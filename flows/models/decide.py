"""The decision at the end of a complete run: whether its model is used from now on."""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configs.schema import Config
from flows.models import gate
from flows.models.compare import NotComparableError, answers, own_doubts
from flows.models.decision import Decision, Headline
from flows.models.differences import Differences, differences
from flows.models.gate import Ruling
from flows.models.registry import Registry
from flows.models.test_list import Growth, PinnedList, grow, pin
from flows.models.waiting import REFUSED, Admission, admit, admit_all_but
from flows.run_records import RunRecord, StageRecord, read_records
from tasks import tables
from tasks.filter import review_log
from tasks.store.json_file import read_json
from tasks.store.manifest import Manifest
from tasks.store.progress import Progress
from tasks.store.store import Store
from tasks.text import first_few

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.gate")

_MOST_GONE = 0.5
"""Share of the list that may have left the crawl. What is left of it is another collection."""
_STORED_CLASSES = 100
"""So many classes are stored with a decision: each history is written anew with every decision."""
_COUNTED = ("listed", "waiting", "gone")
"""What a decision says about the test list: photos that are on it, those that wait, and those that left the crawl."""
_CHANGES = ("promoted", "rolled back", "retired")
"""The decisions that change which model is used."""


@dataclass(frozen=True)
class _Judged:
    """A ruling, and what the registry stores with it."""

    outcome: Literal["promoted", "refused", "undecided", "unchanged"]
    reason: str
    compared: dict[str, Any]
    admission: Admission | None = None
    """Which new test photos join the list, unless the outcome is refused; None: the models weren't compared."""


def decide(store: Store, record: RunRecord, config: Config, *, threads: Executor, progress: Progress) -> Decision:
    """Decide whether the model of a complete run is used, and write that to the registry and into the record.

    The run is saved as done before the registry names it: a champion is always a run that is done.

    Args:
        store: The store.
        record: The record of the run, whose stages are complete.
        config: The settings of the run.
        threads: Decode photos.
        progress: Reports how many photos are predicted.

    Raises:
        UserError: The registry, the test list or the log of the review is damaged.
        OSError: The data folder can't be written.
    """
    root, registry = store.root, Registry(store.root, record.model_name)
    done = record.model_copy(update={"state": "done"})
    while True:
        champion = registry.champion()
        decision = _Case(
            store=store,
            record=done,
            config=config,
            registry=registry,
            champion_id=champion,
            threads=threads,
            progress=progress,
        ).decision()
        with registry.lock:
            if registry.champion() != champion:  # a person has chosen another one meanwhile
                continue
            if champion and not registry.history():  # an earlier version used it; this run must not hide that
                reason = "its run was the last good one before decisions were recorded"
                registry.append(Decision(run=champion, outcome="promoted", reason=reason, by="gate"))
            record.end("done")
            record.save(root)
            decision = registry.append(decision)
            break
    record.decision, record.reason = decision.outcome, decision.reason
    logger.info("%s: %s: %s", registry.name, decision.outcome, decision.reason)
    for note in decision.compared.get("notes", ()):
        logger.warning("%s", note)
    return decision


@dataclass(frozen=True, kw_only=True)
class _Case:
    """One run's model, the challenger, and the model in use, the champion."""

    store: Store
    record: RunRecord
    config: Config
    registry: Registry
    champion_id: str | None
    threads: Executor
    progress: Progress

    @cached_property
    def records(self) -> list[RunRecord]:
        """The records of all runs, the newest first."""
        return read_records(self.store.root)

    @cached_property
    def champion(self) -> RunRecord | None:
        """The record of the champion's run; None if there is none."""
        return self._record_of(self.champion_id)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """The content of the challenger's metrics.json."""
        return read_json(tables.METRICS.path(self.folder("evaluate")), dict[str, Any])

    @cached_property
    def kept(self) -> "pd.DataFrame":
        """The photos that the challenger's filter kept."""
        return tables.KEPT.read(self.folder("filter"))

    def _record_of(self, run: str | None) -> RunRecord | None:
        return next((each for each in self.records if each.id == run), None)

    def folder(self, stage: str) -> Path:
        """Return the folder of the challenger's artifact of a stage."""
        return next(self.store.folder(each.artifact) for each in self.record.stages if each.artifact.stage == stage)

    def decision(self) -> Decision:
        """Compare both, store the test list, and return the decision, which isn't written yet."""
        pinned = PinnedList(self.store.root, self.registry.name)
        if pinned.exists and (repeated := self._repeated()):
            return repeated
        stored = pinned.read()
        listed = self._first_list() if stored is None else stored
        crawled = set(tables.PHOTOS.read(self.folder("crawl"), columns=["photo"])["photo"])
        decisions = review_log.read(self.store.root)
        growth = grow(listed, self.kept, crawled, decisions, self.record.number, waiting=pinned.waiting())
        judged = self._judged(growth)
        admission = judged.admission or admit(
            growth, own_doubts(self.store, self.record, growth.rows) if growth.candidates else {}
        )
        if judged.outcome == "refused":  # its labels may be what is wrong with it
            admission = admit_all_but(growth, REFUSED)
        pinned.write(admission.listed, admission.waiting)
        metric = str(self.measured["headline"])
        score = self.measured["test"]["scores"][metric]
        return Decision(
            run=self.record.id,
            outcome=judged.outcome,
            reason=judged.reason,
            by="gate",
            headline=Headline(metric=metric, value=score["value"], low=score["low"], high=score["high"]),
            photos=len(self.kept),
            compared=judged.compared
            | dict(zip(_COUNTED, (len(admission.listed), len(admission.waits), len(growth.gone)), strict=True)),
        )

    def _repeated(self) -> Decision | None:
        """Leave it at the last decision, if that was about the same artifacts, and their model is the champion.

        Then no photo can join or leave the test list: whoever decides about a photo changes the key of `filter`. So a
        night without new photos needs no tables, nor pandas, whose import takes 0.3 s.
        """
        history = self.registry.history()
        last = history[-1] if history else None
        if last is None or last.by != "gate" or last.outcome not in ("promoted", "unchanged"):
            return None
        if not last.compared.keys() >= {*_COUNTED}:  # of an earlier version
            return None
        champion = last.run if last.outcome == "promoted" else last.compared["champion"]
        before = self._record_of(last.run)
        if champion != self.champion_id or before is None or before.artifacts != self.record.artifacts:
            return None
        return Decision(
            run=self.record.id,
            outcome="unchanged",
            reason=_same_classifier(champion),
            by="gate",
            headline=last.headline,
            photos=last.photos,
            compared={"champion": champion} | {name: last.compared[name] for name in _COUNTED},
        )

    def _first_list(self) -> "pd.DataFrame":
        """Pin the test photos of the champion's run, which came first; without it, those of this run."""
        for stage in self.champion.stages if self.champion else ():
            if self.champion and stage.artifact.stage == "filter":
                try:
                    return pin(tables.KEPT.read(self.store.folder(stage.artifact)), self.champion.number)
                except (OSError, ValueError):
                    break
        return pin(self.kept, self.record.number)

    def _without_comparison(self, growth: Growth) -> _Judged | None:
        """Decide what needs no answers of both models; None: they must be compared."""
        champion, name = self.champion, self.registry.name
        if withdrawn := self._withdrawn():
            return _Judged("refused", withdrawn, {"champion": self.champion_id})
        if self.champion_id is None:
            is_first = not self.registry.history()
            return _Judged(
                "promoted", f"it is the first model of {name}" if is_first else f"{name} has no champion", {}
            )
        against = {"champion": self.champion_id}
        if champion is None or champion.model_state(self.store.root) == "gone":
            return _Judged("promoted", f"the model of the champion, run {self.champion_id}, is gone", against)
        if self._has_same_classifier(champion) and self._rule_of(champion) == self._rule_of(self.record):
            return _Judged("unchanged", _same_classifier(champion.id), against)
        if len(growth.gone) > _MOST_GONE * len(growth.rows):
            return self._undecided(
                f"{len(growth.gone):,} of {len(growth.rows):,} listed photos are gone from the crawl; if that is "
                f"right, `fluke testlist {name} --refresh` pins the present test photos",
                against,
            )
        return None

    def _judged(self, growth: Growth) -> _Judged:
        if judged := self._without_comparison(growth):
            return judged
        champion, name = self.champion, self.registry.name
        assert champion is not None, "without a champion, the new model is used"
        against: dict[str, Any] = {"champion": champion.id}
        notes = [*growth.notes(), *self._lost_classes(growth)]
        try:
            given = answers(
                self.store, self.record, champion, growth.rows, threads=self.threads, progress=self.progress
            )
        except NotComparableError as error:
            return self._undecided(f"{error}; see `fluke testlist {name}`", against | {"notes": notes})
        admission = admit(growth, dict(zip(given.photos, given.doubted.tolist(), strict=True)))
        given = given.only(~given.among(admission.waits))
        # A new class makes the others harder, so photos that were listed before aren't compared alone then.
        has_new_class = not set(admission.listed["label"]) <= set(growth.settled["label"])
        settled = None if has_new_class else given.among(growth.settled["photo"])
        found = differences(
            self.measured["headline"],
            given.challenger,
            given.champion,
            given.groups,
            given.names,
            settled=settled,
            resamples=self.config.evaluate.bootstrap,
            seed=self.config.evaluate.seed,
        )
        pinned = int(growth.rows["since"].min())
        below_best = _below_best(self.registry, champion.id, pinned)
        ruling = gate.rule(found, self.config.promote, self.measured, below_best)
        against |= _numbers(found) | {
            "notes": [*notes, *given.notes, *admission.notes()],
            "pinned": pinned,
            "below_best": round(max(0.0, below_best - found.difference.value), 6),
        }
        return replace(self._ruled(ruling, against | {"also": list(ruling.also)}), admission=admission)

    def _lost_classes(self, growth: Growth) -> Iterator[str]:
        """Say which classes of the list the new model doesn't know: nobody can get those photos right."""
        known = read_json(tables.LABELS.path(self.folder("train")), list[str])
        lost = growth.settled[~growth.settled["label"].isin(known)]
        if len(lost):
            photos = "1 listed photo" if len(lost) == 1 else f"{len(lost):,} listed photos"
            yield (
                f"the new model does not know the class of {photos} ({first_few(sorted(set(lost['label'])))}); if that "
                f"is right, `fluke testlist {self.registry.name} --refresh` pins the present test photos"
            )

    def _has_same_classifier(self, other: RunRecord) -> bool:
        trained = [each.artifact.digest for run in (other, self.record) for each in run.stages if _is_training(each)]
        return len(trained) == 2 and trained[0] == trained[1]

    def _rule_of(self, run: RunRecord) -> dict[str, Any] | None:
        """Return the settings of a run's evaluation, by which its classifier's logits become answers; None: damaged."""
        evaluated = next(each.artifact for each in run.stages if each.artifact.stage == "evaluate")
        try:
            return Manifest.read(self.store.folder(evaluated)).cache_key.config
        except (OSError, ValueError):
            return None

    def _withdrawn(self) -> str | None:
        """Say that a person wants this classifier, or any of this name, to be used no more; None: that isn't so."""
        changes = [each for each in self.registry.history() if each.outcome in _CHANGES]
        if changes and changes[-1].outcome == "retired" and not changes[-1].run:
            return f"a person has retired all models of {self.registry.name}"
        last = {each.run: each for each in changes}
        for run in self.records:
            withdrawn = run.id in last and last[run.id].outcome != "promoted"
            if withdrawn and run.id != self.champion_id and self._has_same_classifier(run):
                return f"a person has {last[run.id].outcome} the same classifier, that of run {run.id}"
        return None

    def _undecided(self, reason: str, compared: dict[str, Any]) -> _Judged:
        return self._ruled(Ruling("undecided", reason), compared)

    def _ruled(self, ruling: Ruling, compared: dict[str, Any]) -> _Judged:
        if ruling.outcome == "undecided" and self.config.promote.undecided == "promote":
            return _Judged("promoted", f"{ruling.reason}, and promote.undecided=promote", compared)
        return _Judged(ruling.outcome, ruling.reason, compared)


def _is_training(stage: StageRecord) -> bool:
    return stage.artifact.stage == "train"


def _below_best(registry: Registry, champion: str, pinned: int) -> float:
    """Return how far the champion is below the best one before it, on the same list; 0 where nobody has measured it."""
    promotions = [each for each in registry.history() if each.run == champion and each.outcome == "promoted"]
    compared = promotions[-1].compared if promotions else {}
    return float(compared.get("below_best", 0.0)) if compared.get("pinned") == pinned else 0.0


def _numbers(found: Differences) -> dict[str, Any]:
    """Return the numbers behind a ruling, as the registry stores them; of the classes, those that changed most."""
    changed = [each for each in found.classes if each.champion != each.challenger]
    changed = sorted(changed, key=lambda each: (-abs(each.loss), each.label))[:_STORED_CLASSES]
    return {
        "metric": found.metric,
        "photos": found.photos,
        "groups": found.groups,
        "champion_score": found.champion,
        "score": asdict(found.challenger),
        "difference": asdict(found.difference),
        "settled": asdict(found.settled) if found.settled else None,
        "classes": [asdict(each) for each in changed],
    }


def _same_classifier(run: str) -> str:
    return f"it has the same classifier as run {run}"
