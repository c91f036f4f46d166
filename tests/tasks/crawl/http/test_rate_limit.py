"""Time slots per host."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tasks.crawl.http.host_limits import HOST_LIMITS, HostLimit, limit_of
from tasks.crawl.http.rate_limit import RateLimiter, advertised_delay_s, parse_retry_after
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


@pytest.mark.parametrize(
    ("value", "delay_s"),
    [("20/min", 3), ("100/min", 0.6), ("5/s", 0.2), ("60 / minute", 1), ("200/day", 0), ("5/hour", 0), ("3/month", 0)],
)
def test_the_rate_that_an_api_states_is_a_delay(value: str, delay_s: float) -> None:
    assert advertised_delay_s({"x-ratelimit-limit-anon_burst": value}) == pytest.approx(delay_s)


def test_the_slowest_of_several_rates_counts_and_other_headers_do_not() -> None:
    headers = {"x-ratelimit-limit-a": "60/min", "x-ratelimit-limit-b": "10/min", "x-ratelimit-available-a": "1/min"}
    assert advertised_delay_s(headers) == 6
    for value in ("", "many", "0/min", "20"):
        assert advertised_delay_s({"x-ratelimit-limit": value}) in (0, 60)


LIMITS = {"wiki.example": HostLimit(4, 1, "its policy", bytes_per_s=1000), "127.0.0.1:8000": HostLimit(2, 1, "a test")}


@pytest.mark.parametrize(
    ("host", "rate"),
    [
        ("wiki.example", 4),
        ("upload.wiki.example", 4),
        ("upload.wiki.example:8443", 4),
        ("127.0.0.1:8000", 2),
        ("127.0.0.1:9000", None),
        ("notwiki.example", None),
        ("wiki.example.org", None),
        ("", None),
    ],
)
def test_a_limit_applies_to_a_domain_and_its_subdomains(host: str, rate: float | None) -> None:
    limit = limit_of(host, LIMITS)
    assert (limit and limit.requests_per_s) == rate


@pytest.mark.parametrize(("requests_per_s", "delay_s"), [(10, 0.25), (1, 1)])
def test_the_stricter_of_the_setting_and_the_host_s_limit_counts(requests_per_s: float, delay_s: float) -> None:
    slots = RateLimiter(requests_per_s, limits=LIMITS, clock=FakeClock())
    for host in ("a.wiki.example", "other.example"):
        assert slots.acquire(host) == 0
    assert slots.acquire("a.wiki.example") == delay_s
    assert slots.acquire("other.example") == pytest.approx(1 / requests_per_s)
    assert list(slots.limited_hosts()) == ["a.wiki.example"]


def test_many_bytes_delay_the_next_request_to_a_host_that_limits_them() -> None:
    clock = FakeClock()
    slots = RateLimiter(10, limits=LIMITS, clock=clock)
    for host in ("wiki.example", "other.example"):
        slots.acquire(host)
        clock.now += 1
        slots.spend(host, 5000)
    assert slots.acquire("wiki.example") == 3  # 5 s after its request began, 2 s ago
    assert slots.acquire("other.example") == 0


def test_wikimedia_gets_less_than_5_requests_per_second_one_at_a_time() -> None:
    for host in ("commons.wikimedia.org", "upload.wikimedia.org"):
        limit = limit_of(host, HOST_LIMITS)
        assert limit
        assert limit.requests_per_s < 5
        assert limit.connections == 1
