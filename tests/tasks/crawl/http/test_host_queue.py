"""The queue of photos, in lanes by host."""

import time
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from tasks.crawl.http.host_queue import Lanes, Turn
from tasks.crawl.http.rate_limit import Pace

SOON_S = 0.15


def lanes(*, requests_per_s: float = 1e6, connections: int = 4, most: int = 4096, free: str = "") -> Lanes[Any]:
    return Lanes(
        Pace(requests_per_s), connections_per_host=connections, is_free=lambda url: url.host == free, most=most
    )


def fill(queue: Lanes[Any], *names: str) -> None:
    """Items such as `a1`, of the host a.example."""
    for name in names:
        assert queue.put(name, f"http://{name[0]}.example/{name}")


def got(queue: Lanes[Any]) -> Turn[Any]:
    turn = queue.get()
    assert turn is not None
    return turn


def known(queue: Lanes[Any], *hosts: str) -> None:
    """Let the hosts have shown that they answer."""
    for host in hosts:
        fill(queue, host)
        queue.done(got(queue), alive=True)


def in_thread(call: Callable[[], Any]) -> tuple[Thread, list[Any]]:
    results: list[Any] = []
    thread = Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    return thread, results


def test_items_come_in_order_and_then_nothing_more() -> None:
    queue = lanes()
    known(queue, "a", "b")
    fill(queue, "a1", "b1", "a2")
    queue.close()
    assert [got(queue).item for _ in range(3)] == ["a1", "b1", "a2"]
    assert queue.get() is None
    assert not queue.put("late", "http://a.example/")


def test_a_host_without_a_free_connection_lets_others_by() -> None:
    queue = lanes(connections=2)
    known(queue, "a", "b")
    fill(queue, "a1", "a2", "a3", "a4", "b1")
    turns = [got(queue) for _ in range(3)]
    assert [turn.item for turn in turns] == ["a1", "a2", "b1"]
    queue.done(turns[1], alive=True)
    assert got(queue).item == "a3"


def test_the_first_item_of_a_host_goes_alone() -> None:
    queue = lanes()
    fill(queue, "a1", "a2", "b1")
    first = got(queue)
    assert got(queue).item == "b1"
    queue.done(first, alive=True)
    assert got(queue).item == "a2"


def test_a_host_whose_turn_has_not_come_lets_others_by() -> None:
    queue = lanes(requests_per_s=1 / SOON_S)
    known(queue, "a")
    time.sleep(SOON_S)
    fill(queue, "a1", "a2", "b1")
    begin = time.monotonic()
    first, second = got(queue), got(queue)
    assert (first.item, second.item) == ("a1", "b1")
    assert time.monotonic() - begin < SOON_S
    assert got(queue).item == "a2"
    assert time.monotonic() - begin >= SOON_S * 0.9


def test_the_turn_is_the_fetching_threads_own() -> None:
    pace = Pace(requests_per_s=0.1)
    queue = Lanes[str](pace, connections_per_host=4)
    queue.put("a1", "http://a.example/1")
    queue.get()
    assert pace.take_lent("a.example") == 0
    assert pace.take_lent("a.example") > 9


def test_an_item_that_was_not_asked_for_costs_its_host_no_time() -> None:
    queue = lanes(requests_per_s=0.1)
    fill(queue, *(f"a{number}" for number in range(20)))
    begin = time.monotonic()
    for _ in range(20):
        queue.done(got(queue), alive=True)
    assert time.monotonic() - begin < 5


def test_a_pause_that_comes_later_holds_waiting_items_back() -> None:
    pace = Pace(requests_per_s=1e6)
    queue = Lanes[str](pace, connections_per_host=4)
    queue.put("a1", "http://a.example/1")
    pace.hold("a.example", SOON_S)
    begin = time.monotonic()
    queue.get()
    assert time.monotonic() - begin >= SOON_S * 0.9


def test_free_hosts_have_neither_pace_nor_limit() -> None:
    queue = lanes(requests_per_s=0.001, connections=1, free="a.example")
    fill(queue, *(f"a{number}" for number in range(9)))
    assert [got(queue).item for _ in range(9)] == [f"a{number}" for number in range(9)]


def test_a_silent_host_is_down_after_eight_and_its_items_come_out_at_once_and_marked() -> None:
    queue = lanes(connections=1, requests_per_s=1000)
    fill(queue, *(f"a{number}" for number in range(12)))
    for _ in range(8):
        turn = got(queue)
        assert not turn.is_down
        queue.done(turn, alive=False)
    rest = [got(queue) for _ in range(4)]
    assert all(turn.is_down for turn in rest)
    for turn in rest:
        queue.done(turn, alive=False)
    fill(queue, "a99", "b1")
    assert got(queue).is_down
    assert not got(queue).is_down


def test_a_host_that_answers_now_and_then_is_not_down() -> None:
    queue = lanes(connections=1)
    fill(queue, *(f"a{number}" for number in range(20)))
    for number in range(20):
        turn = got(queue)
        assert not turn.is_down
        queue.done(turn, alive=number % 8 == 7)


def test_what_waits_for_its_turn_comes_out_when_its_host_goes_down() -> None:
    queue = lanes(connections=2, requests_per_s=1e6)
    known(queue, "a")
    fill(queue, *(f"a{number}" for number in range(12)))
    for _ in range(7):
        queue.done(got(queue), alive=False)
    last = got(queue)
    queue._pace.hold("a.example", 20)
    thread, results = in_thread(queue.get)
    thread.join(SOON_S)
    assert not results
    queue.done(last, alive=False)
    thread.join(1)
    assert results[0].is_down


def test_a_full_queue_blocks_until_there_is_room_or_it_is_closed() -> None:
    queue = lanes(most=2)
    fill(queue, "a1", "b1")
    thread, results = in_thread(lambda: queue.put("c1", "http://c.example/"))
    thread.join(SOON_S)
    assert not results
    got(queue)
    thread.join(1)
    assert results == [True]
    thread, results = in_thread(lambda: queue.put("d1", "http://d.example/"))
    thread.join(SOON_S)
    assert not results
    queue.close()
    thread.join(1)
    assert results == [False]


def test_a_stop_releases_everybody_and_hands_out_what_is_left() -> None:
    queue = lanes(connections=1, requests_per_s=0.001)
    fill(queue, "a1", "a2", "a3", "b1", "b2")
    first = {got(queue).item for _ in range(2)}
    waiting = [in_thread(queue.get) for _ in range(4)]
    time.sleep(SOON_S)
    queue.stop()
    for thread, _ in waiting:
        thread.join(1)
    rest = [results[0] for _, results in waiting]
    assert first == {"a1", "b1"}
    assert Counter(turn.item for turn in rest if turn) == Counter(["a2", "a3", "b2"])
    assert rest.count(None) == 1
    assert queue.get() is None


def test_malformed_urls_come_out_like_others() -> None:
    queue = lanes()
    assert queue.put("x", "http://[::1")
    turn = got(queue)
    assert (turn.item, turn.is_down) == ("x", False)
    queue.done(turn, alive=False)


@pytest.mark.parametrize("connections", [1, 4])
def test_many_threads_get_everything_once_and_never_too_many_of_a_host(connections: int) -> None:
    queue = lanes(connections=connections, requests_per_s=2000)
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()
    seen: list[str] = []

    def work() -> None:
        while turn := queue.get():
            busy[turn.host] += 1
            most[turn.host] = max(most[turn.host], busy[turn.host])
            seen.append(turn.item)
            time.sleep(0.0005)
            busy[turn.host] -= 1
            queue.done(turn, alive=True)

    threads = [Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    names = [f"{host}{number}" for number in range(40) for host in "abcde"]
    fill(queue, *names)
    queue.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert Counter(seen) == Counter(names)
    assert max(most.values()) <= connections


def test_a_stalled_host_holds_up_nobody_else() -> None:
    queue = lanes(connections=2)
    known(queue, "s")
    fill(queue, *(f"s{number}" for number in range(50)), *(f"g{number}" for number in range(50)))
    queue.close()
    good: list[str] = []
    released, all_good = Event(), Event()

    def work() -> None:
        while turn := queue.get():
            if turn.item.startswith("s"):
                released.wait(5)
            else:
                good.append(turn.item)
                if len(good) == 50:
                    all_good.set()
            queue.done(turn, alive=True)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert all_good.wait(2)
    released.set()
    for thread in threads:
        thread.join(2)
        assert not thread.is_alive()
