"""The checks of a run: what they compare with, what they say where, and when they end the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.schema import Config
from flows.run_records import RunRecord
from tasks import tables
from tasks.crawl import blocklist
from tasks.evaluate.findings import BEFORE_TRAINING
from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tasks.store.errors import UserError
from tests.helpers.checked_runs import CheckedRuns

Classes = Mapping[str, Sequence[int]]
BOTH = {"cat": range(10), "dog": range(10, 20)}
CATS = {"cat": range(10)}


class Runs(CheckedRuns):
    """Runs that consist of a crawl and a filter that keeps all photos."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.found = 60
        """How many URLs the crawl's only search found."""

    def start(self, classes: Classes, preset: str = "pets", **settings: Any) -> tuple[RunRecord, Config]:
        """Start a run whose filter is done."""
        record, config = self.begin(preset, settings)
        rows = [(f"{number:064x}", label, f"{number}.jpg") for label, of in classes.items() for number in of]
        frame = pd.DataFrame(rows, columns=["photo", "label", "name"])
        rows_of_engine = [("openverse", 3, self.found, None if self.found else "HTTP 403")]
        searches = pd.DataFrame(rows_of_engine, columns=["engine", "pages", "found", "trouble"])
        crawl = self.publish("crawl", {tables.crawl.PHOTOS: frame, tables.crawl.SEARCHES: searches}, record)
        self.publish(
            "filter", {tables.filter.KEPT: frame, tables.filter.REJECTED: frame.iloc[:0]}, record, photos=crawl
        )
        return record, config

    def finish(self, classes: Classes, preset: str = "pets", **settings: Any) -> RunRecord:
        """Add a good run."""
        return self.end(self.start(classes, preset, **settings)[0])

    def check(
        self, classes: Classes, preset: str = "pets", *, scheduled: bool = False, **settings: Any
    ) -> tuple[list[str], dict[str, list[Any]]]:
        """Run up to the check after the filter; returns the notes of the record, and what the report is told."""
        record, config = self.start(classes, preset, **settings)
        findings = self.check_last_stage(record, config, scheduled=scheduled)
        return record.notes, findings


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


@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_class_that_the_keywords_no_longer_name_is_said_but_stops_no_night(
    runs: Runs, tmp_path: Path, in_a_file: bool
) -> None:
    def search(*labels: str) -> dict[str, Any]:
        file = tmp_path / "keywords.txt"
        file.write_text("\n".join(labels))
        return {"sources": ["openverse"], "keywords": file if in_a_file else {label: [label] for label in labels}}

    last = runs.finish(BOTH, crawl=search("cat", "dog"))
    with pytest.raises(UserError, match="1 class is gone"):  # it is still asked for
        runs.check(CATS, scheduled=True, crawl=search("cat", "dog"))
    notes, _ = runs.check(CATS, scheduled=True, crawl=search("cat", "cow"))
    assert notes == [f"1 class of run {last.id} is no longer asked for: 'dog' (10 photos)"]


def test_rows_that_were_taken_out_of_a_csv_are_said_but_stop_no_night(runs: Runs, tmp_path: Path) -> None:
    def csv(classes: Classes) -> dict[str, Any]:
        rows = [(number, label) for label, numbers in classes.items() for number in numbers]
        for number, _ in rows:
            (tmp_path / f"{number}.jpg").touch()
        (tmp_path / "l.csv").write_text("Image,Id\n" + "".join(f"{number}.jpg,{label}\n" for number, label in rows))
        return {"sources": ["csv"], "path": tmp_path / "l.csv"}

    half = {"cat": range(2), "dog": range(10, 20), "cow": range(20, 30)}
    last = runs.finish(BOTH | {"cow": range(20, 30)}, crawl=csv(BOTH | {"cow": range(20, 30)}))
    with pytest.raises(UserError, match="of the photos of 1 class are gone"):
        runs.check(half, scheduled=True, crawl=csv(BOTH | {"cow": range(20, 30)}))
    notes, _ = runs.check(
        {"cat": range(2), "cow": range(20, 30)}, scheduled=True, crawl=csv({"cat": range(2), "cow": range(20, 30)})
    )
    assert notes == [
        f"1 class of run {last.id} is no longer asked for: 'dog' (10 photos)",
        f"8 photos of run {last.id} are no longer in the list",
    ]


def test_damaged_tables_of_the_last_run_end_no_run(runs: Runs) -> None:
    last = runs.finish(BOTH)
    tables.filter.KEPT.path(runs.store.folder(last.stages[1].artifact)).write_bytes(b"PAR1")
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
