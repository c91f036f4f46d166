"""Time slots per host."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tasks.crawl.http.rate_limit import RateLimiter, parse_retry_after
from tests.helpers.clock import FakeClock


def limiter(delay_s: float = 10) -> RateLimiter:
    """A limiter with `delay_s` seconds between requests, whose time stands still."""
    return RateLimiter(1 / delay_s, clock=FakeClock())


def test_each_host_has_one_slot_at_a_time() -> None:
    clock = FakeClock()
    slots = RateLimiter(requests_per_s=0.1, clock=clock)
    assert slots.acquire("a") == 0
    assert slots.acquire("a") == 10
    assert slots.acquire("b") == 0
    clock.now += 4
    assert slots.acquire("a") == 6
    clock.now += 6
    assert slots.acquire("a") == 0


def test_a_crawl_delay_counts_from_the_last_request_and_never_shortens_the_default() -> None:
    slots = limiter(delay_s=10)
    slots.acquire("a")
    slots.set_delay("a", 1)
    assert slots.acquire("a") == 10
    slots.set_delay("a", 20)
    assert slots.acquire("a") == 20
    slots.set_delay("a", 3600)
    assert slots.acquire("a") == 30


def test_a_pause_delays_the_next_slot_and_a_shorter_one_does_not_end_it() -> None:
    slots = limiter(delay_s=0.001)
    slots.pause("a", 5)
    assert slots.acquire("a") == 5
    slots.pause("a", 1)
    assert slots.acquire("a") == 5


def test_a_reserved_slot_is_used_once_and_an_unused_one_is_released() -> None:
    slots = limiter()
    assert slots.acquire("a") == 0
    slots.reserve("a")
    assert slots.use_reserved("a") == 0
    slots.release("a")
    assert slots.use_reserved("a") == 10
    assert slots.acquire("b") == 0
    slots.reserve("b")
    slots.release("b")
    assert slots.acquire("b") == 0


def test_releasing_a_slot_does_not_end_a_pause() -> None:
    slots = limiter(delay_s=1)
    slots.acquire("a")
    slots.reserve("a")
    slots.pause("a", 9)
    slots.release("a")
    assert slots.acquire("a") == 9


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [("7", 7), ("1.5", 1.5), ("3600", 30), ("", 0), ("-1", 0), ("soon", 0), ("nan", 0), ("1e999", 0)],
)
def test_retry_after_as_a_number(header: str, pause_s: float) -> None:
    assert parse_retry_after(header) == pause_s


def test_retry_after_as_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=20)
    assert 0 < parse_retry_after(format_datetime(soon, usegmt=True)) <= 20
    assert parse_retry_after("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    assert parse_retry_after("Mon, 01 Jan 2091 00:00:00 GMT") == 30
