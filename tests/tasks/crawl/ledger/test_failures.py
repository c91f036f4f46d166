"""Failed URLs: tried again, later each time."""

from pathlib import Path

import pytest

from tasks.crawl.ledger.failures import pause_s
from tasks.crawl.ledger.ledger import Ledger

DAY_S = 86400


def test_pauses_grow_fourfold_up_to_two_months() -> None:
    assert [pause_s(times, passing=True) for times in (1, 2, 3, 4)] == [0, 3600, 4 * 3600, 16 * 3600]
    assert [pause_s(times, passing=False) / DAY_S for times in (1, 2, 3, 4, 20)] == [1, 4, 16, 60, 60]
    assert pause_s(50, passing=True) == 60 * DAY_S


def test_a_failure_waits_until_it_is_due_or_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1e9]
    monkeypatch.setattr("time.time", lambda: clock[0])
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        ledger.failures.note("gone", "HTTP 404", passing=False)
        ledger.failures.note("busy", "HTTP 503", passing=True)
        assert ledger.failures.waiting() == {"gone": "HTTP 404"}
        ledger.failures.note("busy", "no connection", passing=True)
        assert ledger.failures.waiting() == {"gone": "HTTP 404", "busy": "no connection"}
        clock[0] += 2 * 3600
        assert ledger.failures.waiting() == {"gone": "HTTP 404"}
        ledger.failures.clear("gone")
        assert ledger.failures.waiting() == {}
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        ledger.failures.note("busy", "HTTP 503", passing=True)  # the third time
        clock[0] += 2 * 3600
        assert ledger.failures.waiting() == {"busy": "HTTP 503"}
