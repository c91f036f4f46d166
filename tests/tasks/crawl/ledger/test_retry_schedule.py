"""Failed URLs are tried again, after a longer delay each time."""

from pathlib import Path

import pytest

from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.retry_schedule import retry_delay_s

DAY_S = 86400


def test_delays_grow_fourfold_up_to_60_days() -> None:
    assert [retry_delay_s(times, transient=True) for times in (1, 2, 3, 4)] == [0, 3600, 4 * 3600, 16 * 3600]
    assert [retry_delay_s(times, transient=False) / DAY_S for times in (1, 2, 3, 4, 20)] == [1, 4, 16, 60, 60]
    assert retry_delay_s(50, transient=True) == 60 * DAY_S


def test_a_try_that_a_clock_a_year_ahead_scheduled_is_due_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1e9]
    monkeypatch.setattr("time.time", lambda: clock[0])
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        schedule = ledger.retry_schedule
        for _ in range(5):
            schedule.record("often", "HTTP 404", transient=False)
        schedule.record("today", "HTTP 404", transient=False)
        clock[0] += 365 * DAY_S
        schedule.record("that night", "HTTP 404", transient=False)
        schedule.record("that night, again", "HTTP 503", transient=True)
        schedule.record("that night, again", "HTTP 503", transient=True)
        assert {"that night", "that night, again"} == set(schedule.waiting())
        clock[0] -= 365 * DAY_S
        assert set(schedule.waiting()) == {"often", "today"}
        schedule.record("that night", "HTTP 404", transient=False)  # tried, and gone; now with the right time
        assert set(schedule.waiting()) == {"often", "today", "that night"}


def test_a_clock_that_is_corrected_during_a_crawl_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1e9]
    monkeypatch.setattr("time.time", lambda: clock[0])
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        ledger.retry_schedule.record("gone", "HTTP 404", transient=False)
        clock[0] -= 60
        assert set(ledger.retry_schedule.waiting()) == {"gone"}


def test_a_failed_url_waits_until_it_is_due_or_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1e9]
    monkeypatch.setattr("time.time", lambda: clock[0])
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        ledger.retry_schedule.record("gone", "HTTP 404", transient=False)
        ledger.retry_schedule.record("busy", "HTTP 503", transient=True)
        assert ledger.retry_schedule.waiting() == {"gone": "HTTP 404"}
        ledger.retry_schedule.record("busy", "no connection", transient=True)
        assert ledger.retry_schedule.waiting() == {"gone": "HTTP 404", "busy": "no connection"}
        clock[0] += 2 * 3600
        assert ledger.retry_schedule.waiting() == {"gone": "HTTP 404"}
        ledger.retry_schedule.clear("gone")
        assert ledger.retry_schedule.waiting() == {}
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        ledger.retry_schedule.record("busy", "HTTP 503", transient=True)  # the third time
        clock[0] += 2 * 3600
        assert ledger.retry_schedule.waiting() == {"busy": "HTTP 503"}
