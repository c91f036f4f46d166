"""The checks of a run: what they compare with, what they say where, and when they end the run."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.schema import Config
from flows.dashboard import stages
from flows.nights.checks import Checks
from flows.run_records import RunRecord
from tasks import tables
from tasks.crawl import blocklist
from tasks.evaluate.findings import BEFORE_TRAINING
from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tasks.store import counter
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers import stored_tables

BOTH = {"cat": range(10), "dog": range(10, 20)}
CATS = {"cat": range(10)}


class Runs:
    """Runs that consist of a crawl and a filter that keeps all photos."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.found = 60
        """How many URLs the crawl's only search found."""

    def start(self, classes: dict[str, range], preset: str = "pets", **settings: Any) -> tuple[RunRecord, Config]:
        """Start a run whose filter is done."""
        config = Config.model_validate({"crawl": {"path": "photos"}} | settings)
        record = RunRecord.start(preset, "evaluate", config, number=counter.next_number(self.store.root))
        rows = [(f"{number:064x}", label) for label, numbers in classes.items() for number in numbers]
        frame = pd.DataFrame(rows, columns=["photo", "label"])
        rows_of_engine = [("openverse", 3, self.found, None if self.found else "HTTP 403")]
        searches = pd.DataFrame(rows_of_engine, columns=["engine", "pages", "found", "trouble"])
        crawl = self._publish("crawl", {}, {tables.PHOTOS: frame, tables.SEARCHES: searches}, record)
        empty = frame.iloc[:0]
        self._publish("filter", {"photos": crawl}, {tables.KEPT: frame, tables.REJECTED: empty}, record)
        return record, config

    def finish(self, classes: dict[str, range], preset: str = "pets", **settings: Any) -> RunRecord:
        """Add a good run."""
        record, _ = self.start(classes, preset, **settings)
        record.end("done")
        record.save(self.store.root)
        return record

    def check(
        self, classes: dict[str, range], preset: str = "pets", *, scheduled: bool = False, **settings: Any
    ) -> tuple[list[str], dict[str, list[Any]]]:
        """Run up to the check after the filter; returns the notes of the record, and what the report is told."""
        record, config = self.start(classes, preset, **settings)
        with ThreadPoolExecutor(1) as executor:
            run = Run(self.store, executor)
            Checks(run, config, record, scheduled=scheduled).after(record.stages[-1].artifact)
        return record.notes, run.findings

    def _publish(
        self, stage: Any, parents: dict[str, Artifact], files: dict[tables.Table, pd.DataFrame], record: RunRecord
    ) -> Artifact:
        def build(out: Path) -> Result:
            for table, frame in files.items():
                stored_tables.write(table, frame, out)
            return Result({})

        key = CacheKey(stage=stage, version=1, config={}, parents=parents, external_inputs={"run": record.number})
        artifact = self.store.publish(key, "", build)
        record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        return artifact


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that the dashboard gets."""
    lines: list[str] = []
    monkeypatch.setattr(stages, "show_findings", lambda texts, table="": lines.extend(texts))
    return lines


@pytest.fixture
def runs(tmp_path: Path, shown: list[str]) -> Runs:
    """No runs yet."""
    return Runs(tmp_path)


def test_a_run_by_hand_says_that_a_class_is_gone_and_goes_on(
    runs: Runs, shown: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    last = runs.finish(BOTH)
    notes, findings = runs.check(CATS)
    assert notes == [f"1 class is gone since run {last.id}: 'dog' (10 photos: 10 not found)"]
    assert findings == {BEFORE_TRAINING: notes}
    assert notes == shown
    assert notes[0] in caplog.messages


def test_a_scheduled_run_ends_with_the_remedy(runs: Runs) -> None:
    runs.finish(BOTH)
    with pytest.raises(
        UserError,
        match=r"stopped before training: 1 class is gone .*'dog'.*run pets once by hand .*changes.action=warn",
    ):
        runs.check(CATS, scheduled=True)


def test_a_run_by_hand_makes_the_present_photos_those_to_compare_with(runs: Runs) -> None:
    runs.finish(BOTH)
    runs.finish(CATS)
    assert runs.check(CATS, scheduled=True)[0] == []


def test_a_schedule_may_be_allowed_to_go_on(runs: Runs) -> None:
    runs.finish(BOTH)
    assert len(runs.check(CATS, scheduled=True, changes={"action": "warn"})[0]) == 1


def test_the_first_run_of_a_name_or_of_a_place_compares_with_nothing(runs: Runs) -> None:
    runs.finish(BOTH)
    assert runs.check(CATS, "others", scheduled=True)[0] == []
    assert runs.check(CATS, scheduled=True, crawl={"path": "elsewhere"})[0] == []


def test_the_clock_does_not_decide_which_run_is_the_last(runs: Runs) -> None:
    early = runs.finish(BOTH)
    early.started_at = early.started_at.replace(year=2100)
    early.save(runs.store.root)
    runs.finish(CATS)
    assert runs.check(CATS, scheduled=True)[0] == []


def test_a_run_that_failed_is_not_compared_with(runs: Runs) -> None:
    runs.finish(BOTH)
    failed, _ = runs.start(CATS)
    failed.end("failed")
    failed.save(runs.store.root)
    assert len(runs.check(CATS)[0]) == 1


def test_what_a_person_has_removed_is_not_gone(runs: Runs) -> None:
    runs.finish(BOTH)
    dogs = [f"{number:064x}" for number in BOTH["dog"]]
    review_log.add(runs.store.root, [Decision(ReviewKey(photo, "dog"), "reject") for photo in dogs[:5]])
    blocklist.add(runs.store.root, dogs[5:])
    assert runs.check(CATS, scheduled=True)[0] == []


def test_a_class_that_the_keywords_no_longer_name_is_not_gone(runs: Runs) -> None:
    search = {"sources": ["openverse"], "keywords": {"cat": ["cat"], "dog": ["dog"]}}
    runs.finish(BOTH, crawl=search)
    assert len(runs.check(CATS, crawl=search)[0]) == 1
    assert runs.check(CATS, crawl=search | {"keywords": {"cat": ["cat"], "cow": ["cow"]}})[0] == []


def test_damaged_tables_of_the_last_run_end_no_run(runs: Runs) -> None:
    last = runs.finish(BOTH)
    tables.KEPT.path(runs.store.folder(last.stages[1].artifact)).write_bytes(b"PAR1")
    assert runs.check(CATS, scheduled=True)[0] == []


@pytest.mark.parametrize("is_first", [True, False])
def test_an_engine_that_finds_nothing_is_told_and_ends_a_scheduled_run_if_it_used_to_find(
    is_first: bool, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, list[str]]] = []
    monkeypatch.setattr("flows.notify.tell", lambda _, kind, __, lines: told.append((kind, lines)))
    if is_first:
        runs.found = 0
        notes, _ = runs.check(BOTH, scheduled=True)
        assert notes == ["openverse found nothing in 1 search (HTTP 403)"]
    else:
        runs.finish(BOTH)
        runs.found = 0
        with pytest.raises(UserError, match="look at the engine"):
            runs.check(BOTH, scheduled=True)
    [(kind, [line])] = told
    assert (kind, line.startswith("openverse found nothing in 1 search (HTTP 403)")) == ("low_yield", True)
