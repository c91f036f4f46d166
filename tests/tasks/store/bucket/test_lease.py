import threading
from dataclasses import dataclass, field

import pytest

from tasks.store.bucket.connect import connect
from tasks.store.bucket.lease import BusyError, Timing, lease
from tasks.store.bucket.objects import Objects
from tests.helpers.buckets import Bucket


@pytest.fixture
def objects(request: pytest.FixtureRequest) -> Objects:
    return connect(f"memory://{request.node.name}")


@dataclass
class Waiter:
    """A clock that moves when somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    @property
    def timing(self) -> Timing:
        return Timing(expires_s=60, clock=lambda: self.now, sleep=self.sleep)


def hold_and_die(objects: Objects, name: str, *, shared: bool = False) -> None:
    """Leave a lease as a killed process does."""
    with lease(objects, name, shared=shared):
        held = objects.state(f"leases/{name}.json")
    left = objects.state(f"leases/{name}.json")
    assert held is not None
    assert left is not None
    objects.put_if(f"leases/{name}.json", held.data, left.generation)


def test_a_second_holder_waits_for_the_first(objects: Objects) -> None:
    order = []
    timing = Timing(expires_s=60, poll_s=0.005)
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with lease(objects, "key", timing=timing, waits_for=lambda who: order.append("waits")):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with lease(objects, "key", timing=timing):
        inside.set()
        while "waits" not in order:
            pass
        order.append("first")
    thread.join()
    assert order == ["waits", "first", "second"]


def test_several_may_share_it(objects: Objects) -> None:
    with lease(objects, "in-use", shared=True), lease(objects, "in-use", shared=True):
        pass


def test_the_lease_of_a_dead_holder_is_taken_over_when_it_expires(objects: Objects) -> None:
    hold_and_die(objects, "key")
    waiter = Waiter()
    with lease(objects, "key", timing=waiter.timing):
        assert 59 <= waiter.now <= 61


def test_a_dead_sharer_keeps_nobody_away_for_ever(objects: Objects) -> None:
    hold_and_die(objects, "in-use", shared=True)
    waiter = Waiter()
    with lease(objects, "in-use", wait=False, timing=waiter.timing):
        assert waiter.now <= 61


def test_a_renewed_lease_is_kept_and_who_does_not_wait_is_told_by_whom(objects: Objects) -> None:
    renewed = Timing(expires_s=0.2, poll_s=0.01)
    with (
        lease(objects, "in-use", shared=True, timing=renewed),
        pytest.raises(BusyError, match=r"process [0-9]+ is using it"),
        lease(objects, "in-use", wait=False, timing=renewed),
    ):
        pass


def test_a_holder_that_was_taken_over_takes_nothing_back(objects: Objects) -> None:
    with lease(objects, "key", timing=Timing(expires_s=1000)):
        waiter = Waiter()
        with lease(objects, "key", timing=Timing(1, clock=lambda: waiter.now, sleep=waiter.sleep)):
            pass
    with lease(objects, "key", timing=Waiter().timing, wait=False):
        pass


def test_one_of_many_at_a_time(bucket: Bucket) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with lease(bucket.open(), "key", timing=Timing(expires_s=60, poll_s=0.01)):
            inside += 1
            most = max(most, inside)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
