"""Turns at a host."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tasks.crawl.http.rate_limit import Pace, asked_pause_s


def test_a_host_has_one_turn_at_a_time_and_other_hosts_theirs() -> None:
    pace = Pace(requests_per_s=10)
    assert pace.take("a") == 0
    assert 0.05 < pace.take("a") <= 0.1
    assert pace.take("b") == 0


def test_a_crawl_delay_counts_from_the_last_request_and_only_if_it_is_longer() -> None:
    pace = Pace(requests_per_s=0.1)
    pace.take("a")
    pace.space("a", 1)
    assert pace.take("a") > 9
    pace.space("a", 20)
    assert 19 < pace.take("a") <= 20
    pace.space("a", 3600)
    assert 29 < pace.take("a") <= 30


def test_a_pause_holds_the_host_back() -> None:
    pace = Pace(requests_per_s=1000)
    pace.hold("a", 5)
    assert 4 < pace.take("a") <= 5
    pace.hold("a", 1)
    assert pace.take("a") > 4


def test_a_lent_turn_serves_once_and_an_unused_one_goes_back() -> None:
    pace = Pace(requests_per_s=0.1)
    assert pace.take("a") == 0
    pace.lend("a")
    assert pace.take_lent("a") == 0
    pace.give_back("a")
    assert pace.take_lent("a") > 9
    assert pace.take("b") == 0
    pace.lend("b")
    pace.give_back("b")
    assert pace.take("b") == 0


def test_a_turn_that_goes_back_leaves_a_pause_as_it_is() -> None:
    pace = Pace(requests_per_s=1)
    pace.take("a")
    pace.lend("a")
    pace.hold("a", 9)
    pace.give_back("a")
    assert pace.take("a") > 8


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [("7", 7), ("1.5", 1.5), ("3600", 30), ("", 0), ("-1", 0), ("soon", 0), ("nan", 0), ("1e999", 0)],
)
def test_retry_after_is_read_as_a_number(header: str, pause_s: float) -> None:
    assert asked_pause_s(header) == pause_s


def test_retry_after_is_read_as_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=10)
    assert 7 < asked_pause_s(format_datetime(soon, usegmt=True)) <= 10
    assert asked_pause_s("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    assert asked_pause_s("Mon, 01 Jan 2091 00:00:00 GMT") == 30
