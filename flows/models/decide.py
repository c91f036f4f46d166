"""The decision at the end of a complete run: whether its model is used from now on."""

import logging
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from configs.schema import Config
from flows.models.case import Case
from flows.models.compare import own_doubts
from flows.models.decision import LIST_COUNTS, Decision, Headline
from flows.models.judge import judge
from flows.models.registry import Registry
from flows.models.test_list import PinnedList, grow, pin
from flows.models.uncompared import repeated
from flows.models.waiting import REFUSED, admit, admit_all_but
from flows.run_records import RunRecord
from tasks import tables
from tasks.filter import review_log
from tasks.store.progress import Progress
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.gate")


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
        case = Case(
            store=store,
            record=done,
            config=config,
            registry=registry,
            champion_id=champion,
            threads=threads,
            progress=progress,
        )
        decision = _decision(case)
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


def _decision(case: Case) -> Decision:
    """Compare both, store the test list, and return the decision, which isn't written yet."""
    pinned = PinnedList(case.store.root, case.registry.name)
    if pinned.exists and (same := repeated(case)):
        return same
    stored = pinned.read()
    listed = _first_list(case) if stored is None else stored
    crawled = set(tables.crawl.PHOTOS.read(case.folder("crawl"), columns=["photo"])["photo"])
    decisions = review_log.read(case.store.root)
    growth = grow(listed, case.kept, crawled, decisions, case.record.number, waiting=pinned.waiting())
    judged = judge(case, growth)
    admission = judged.admission or admit(
        growth, own_doubts(case.store, case.record, growth.rows) if growth.candidates else {}
    )
    if judged.outcome == "refused":  # its labels may be what is wrong with it
        admission = admit_all_but(growth, REFUSED)
    pinned.write(admission.listed, admission.waiting)
    metric = str(case.measured["headline"])
    score = case.measured["test"]["scores"][metric]
    return Decision(
        run=case.record.id,
        outcome=judged.outcome,
        reason=judged.reason,
        by="gate",
        headline=Headline(metric=metric, value=score["value"], low=score["low"], high=score["high"]),
        photos=len(case.kept),
        compared=judged.compared
        | dict(zip(LIST_COUNTS, (len(admission.listed), len(admission.waits), len(growth.gone)), strict=True)),
    )


def _first_list(case: Case) -> "pd.DataFrame":
    """Pin the test photos of the champion's run, which came first; without it, those of this run."""
    for stage in case.champion.stages if case.champion else ():
        if case.champion and stage.artifact.stage == "filter":
            try:
                return pin(tables.filter.KEPT.read(case.store.folder(stage.artifact)), case.champion.number)
            except (OSError, ValueError):
                break
    return pin(case.kept, case.record.number)
