"""The queue of downloads, with limits per host."""

import time
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from tasks.crawl.http.host_limits import HostLimit
from tasks.crawl.http.host_queue import HostQueue, Lease
from tasks.crawl.http.rate_limit import RateLimiter
from tests.helpers.clock import FakeClock

WAIT_S = 0.15
"""How long a thread is watched that must stay blocked."""
JOIN_S = 30
"""Upper limit for a thread that must end."""


def host_queue(
    rate_limiter: RateLimiter | None = None, *, connections: int = 4, capacity: int = 4096, unthrottled: str = ""
) -> HostQueue[Any]:
    """A queue without a noticeable rate limit, unless one is given."""
    return HostQueue(
        rate_limiter or RateLimiter(1e6),
        connections_per_host=connections,
        is_unthrottled=lambda url: url.host == unthrottled,
        capacity=capacity,
    )


def fill(queue: HostQueue[Any], *names: str) -> None:
    """Put items such as `a1`, of the host a.example."""
    for name in names:
        assert queue.put(name, f"http://{name[0]}.example/{name}")


def lease_from(queue: HostQueue[Any]) -> Lease[Any]:
    lease = queue.get()
    assert lease is not None
    return lease


def make_known(queue: HostQueue[Any], *hosts: str) -> None:
    """Release one item of each host, after which its connection limit applies."""
    for host in hosts:
        fill(queue, host)
        queue.release(lease_from(queue), responded=True)


def in_thread(call: Callable[[], Any]) -> tuple[Thread, list[Any]]:
    results: list[Any] = []
    thread = Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    return thread, results


def test_items_are_handed_out_in_order_until_the_queue_is_closed_and_empty() -> None:
    queue = host_queue()
    make_known(queue, "a", "b")
    fill(queue, "a1", "b1", "a2")
    queue.close()
    assert [lease_from(queue).item for _ in range(3)] == ["a1", "b1", "a2"]
    assert queue.get() is None
    assert not queue.put("late", "http://a.example/")


def test_a_host_without_a_free_connection_is_skipped() -> None:
    queue = host_queue(connections=2)
    make_known(queue, "a", "b")
    fill(queue, "a1", "a2", "a3", "a4", "b1")
    leases = [lease_from(queue) for _ in range(3)]
    assert [lease.item for lease in leases] == ["a1", "a2", "b1"]
    queue.release(leases[1], responded=True)
    assert lease_from(queue).item == "a3"


def test_the_first_item_of_a_host_is_leased_alone() -> None:
    queue = host_queue()
    fill(queue, "a1", "a2", "b1")
    first = lease_from(queue)
    assert lease_from(queue).item == "b1"
    queue.release(first, responded=True)
    assert lease_from(queue).item == "a2"


def test_a_host_without_a_time_slot_is_skipped_until_its_next_slot() -> None:
    clock = FakeClock()
    queue = host_queue(RateLimiter(1 / WAIT_S, clock=clock))
    make_known(queue, "a")
    clock.now += WAIT_S
    fill(queue, "a1", "a2", "b1")
    assert [lease_from(queue).item for _ in range(2)] == ["a1", "b1"]
    thread, results = in_thread(lambda: lease_from(queue).item)
    thread.join(WAIT_S)
    assert not results
    clock.now += WAIT_S
    thread.join(JOIN_S)
    assert results == ["a2"]


def test_the_slot_is_reserved_for_the_thread_that_has_the_lease() -> None:
    rate_limiter = RateLimiter(0.1, clock=FakeClock())
    queue = host_queue(rate_limiter)
    fill(queue, "a1")
    lease_from(queue)
    assert rate_limiter.use_reserved("a.example") == 0
    assert rate_limiter.use_reserved("a.example") == 10


def test_an_item_that_was_not_requested_gives_its_slot_back() -> None:
    clock = FakeClock()
    queue = host_queue(RateLimiter(0.1, clock=clock))  # no second slot, since the clock stands still
    fill(queue, *(f"a{number}" for number in range(20)))
    for number in range(20):
        lease = lease_from(queue)
        assert lease.item == f"a{number}"
        queue.release(lease, responded=True)


def test_a_pause_that_starts_later_delays_waiting_items() -> None:
    clock = FakeClock()
    rate_limiter = RateLimiter(1e6, clock=clock)
    queue = host_queue(rate_limiter)
    fill(queue, "a1")
    rate_limiter.pause("a.example", WAIT_S)
    thread, results = in_thread(lambda: lease_from(queue).item)
    thread.join(WAIT_S)
    assert not results
    clock.now += WAIT_S
    thread.join(JOIN_S)
    assert results == ["a1"]


def test_unthrottled_hosts_have_neither_rate_limit_nor_connection_limit() -> None:
    queue = host_queue(RateLimiter(0.001, clock=FakeClock()), connections=1, unthrottled="a.example")
    fill(queue, *(f"a{number}" for number in range(9)))
    assert [lease_from(queue).item for _ in range(9)] == [f"a{number}" for number in range(9)]


def test_a_host_is_down_after_eight_misses_in_a_row_and_its_items_are_handed_out_at_once() -> None:
    queue = host_queue(connections=1)
    fill(queue, *(f"a{number}" for number in range(12)))
    for _ in range(8):
        lease = lease_from(queue)
        assert not lease.is_down
        queue.release(lease, responded=False)
    rest = [lease_from(queue) for _ in range(4)]
    assert all(lease.is_down for lease in rest)
    for lease in rest:
        queue.release(lease, responded=False)
    fill(queue, "a99", "b1")
    assert lease_from(queue).is_down
    assert not lease_from(queue).is_down


def test_a_host_that_responds_now_and_then_is_not_down() -> None:
    queue = host_queue(connections=1)
    fill(queue, *(f"a{number}" for number in range(20)))
    for number in range(20):
        lease = lease_from(queue)
        assert not lease.is_down
        queue.release(lease, responded=number % 8 == 7)


def test_items_that_wait_for_a_time_slot_are_handed_out_when_their_host_is_down() -> None:
    rate_limiter = RateLimiter(1e6)
    queue = host_queue(rate_limiter, connections=2)
    make_known(queue, "a")
    fill(queue, *(f"a{number}" for number in range(12)))
    for _ in range(7):
        queue.release(lease_from(queue), responded=False)
    last = lease_from(queue)
    rate_limiter.pause("a.example", 20)
    thread, results = in_thread(queue.get)
    thread.join(WAIT_S)
    assert not results
    queue.release(last, responded=False)
    thread.join(JOIN_S)
    assert results[0].is_down


def test_a_full_queue_blocks_until_there_is_room_or_it_is_closed() -> None:
    queue = host_queue(capacity=2)
    fill(queue, "a1", "b1")
    thread, results = in_thread(lambda: queue.put("c1", "http://c.example/"))
    thread.join(WAIT_S)
    assert not results
    lease_from(queue)
    thread.join(JOIN_S)
    assert results == [True]
    thread, results = in_thread(lambda: queue.put("d1", "http://d.example/"))
    thread.join(WAIT_S)
    assert not results
    queue.close()
    thread.join(JOIN_S)
    assert results == [False]


def test_cancelling_wakes_all_threads_and_hands_out_the_remaining_items() -> None:
    queue = host_queue(RateLimiter(0.001, clock=FakeClock()), connections=1)
    fill(queue, "a1", "a2", "a3", "b1", "b2")
    first = {lease_from(queue).item for _ in range(2)}
    waiting = [in_thread(queue.get) for _ in range(4)]
    time.sleep(WAIT_S)
    queue.cancel()
    for thread, _ in waiting:
        thread.join(JOIN_S)
    rest = [results[0] for _, results in waiting]
    assert first == {"a1", "b1"}
    assert Counter(lease.item for lease in rest if lease) == Counter(["a2", "a3", "b2"])
    assert rest.count(None) == 1
    assert queue.get() is None


def test_malformed_urls_are_handed_out_like_others() -> None:
    queue = host_queue()
    assert queue.put("x", "http://[::1")
    lease = lease_from(queue)
    assert (lease.item, lease.is_down) == ("x", False)
    queue.release(lease, responded=False)


@pytest.mark.parametrize("connections", [1, 4])
def test_many_threads_get_each_item_once_and_keep_the_connection_limit(connections: int) -> None:
    queue = host_queue(RateLimiter(2000), connections=connections)
    busy: Counter[str] = Counter()
    busiest: Counter[str] = Counter()
    seen: list[str] = []

    def work() -> None:
        while lease := queue.get():
            busy[lease.host] += 1
            busiest[lease.host] = max(busiest[lease.host], busy[lease.host])
            seen.append(lease.item)
            time.sleep(0.0005)
            busy[lease.host] -= 1
            queue.release(lease, responded=True)

    threads = [Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    names = [f"{host}{number}" for number in range(40) for host in "abcde"]
    fill(queue, *names)
    queue.close()
    for thread in threads:
        thread.join(JOIN_S)
        assert not thread.is_alive()
    assert Counter(seen) == Counter(names)
    assert max(busiest.values()) <= connections


def test_a_host_that_stalls_does_not_delay_other_hosts() -> None:
    queue = host_queue(connections=2)
    make_known(queue, "s")
    fill(queue, *(f"s{number}" for number in range(50)), *(f"g{number}" for number in range(50)))
    queue.close()
    good: list[str] = []
    released, all_good = Event(), Event()

    def work() -> None:
        while lease := queue.get():
            if lease.item.startswith("s"):
                released.wait(JOIN_S)
            else:
                good.append(lease.item)
                if len(good) == 50:
                    all_good.set()
            queue.release(lease, responded=True)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert all_good.wait(JOIN_S / 2)  # while the stalled items are still waiting
    released.set()
    for thread in threads:
        thread.join(JOIN_S)
        assert not thread.is_alive()


def test_a_host_with_a_limit_of_its_own_has_fewer_leases() -> None:
    queue: HostQueue[Any] = HostQueue(
        RateLimiter(1e6), connections_per_host=4, host_limits={"a.example": HostLimit(1000, 1, "a test")}
    )
    make_known(queue, "a", "b")
    fill(queue, "a1", "a2", "b1", "b2")
    assert [lease_from(queue).item for _ in range(3)] == ["a1", "b1", "b2"]
