"""A lock in a bucket. It is a lease: whoever has it renews it, and others take it over when that stops.

The object of a lease says who has it, and how often it was renewed. All writes are conditional, so of two that ask at
the same time one gets it. No clocks are compared: a waiter that sees no renewal for `EXPIRES_S` by its own clock takes
the holder for dead.

A holder that was suspended may wake up without its lease. That does no harm: a lease only saves work that would be done
twice, and keeps `fluke prune` away from runs; what may be written, the head decides (`head`).
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.store.bucket.objects import Generation, Objects
from tasks.store.bucket.problems import BucketError

logger = logging.getLogger("fluke.bucket")

EXPIRES_S = 60.0
"""A lease that is not renewed for so long has no holder any more."""
_RENEWALS = 4
"""So often it is renewed in this time."""
_POLL_S = 1.0


class Holder(BaseModel):
    """Somebody who has a lease."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    who: str
    """Host and process, for people."""
    shared: bool
    beat: int = 0
    """How often it was renewed."""


class _Lease(BaseModel):
    """The content of a lease's object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holders: tuple[Holder, ...] = ()
    nonce: str
    """A random text: no two writers write the same."""


@dataclass(frozen=True)
class Timing:
    """How long a lease lasts, and the clock."""

    expires_s: float = EXPIRES_S
    poll_s: float = _POLL_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class BusyError(BucketError):
    """Somebody else has the lease."""

    def __init__(self, message: str, holder: Holder) -> None:
        super().__init__(message)
        self.holder = holder


@contextmanager
def lease(
    objects: Objects,
    name: str,
    *,
    shared: bool = False,
    wait: bool = True,
    waits_for: Callable[[str], None] = lambda who: None,
    timing: Timing | None = None,
) -> Iterator[None]:
    """Hold a lease in the block.

    Args:
        objects: The bucket.
        name: Name of the lease.
        shared: Whether others may hold it at the same time, who share it, too.
        wait: Whether to wait while somebody else has it; even without, the death of a holder is waited for.
        waits_for: Is told, once, who has it.
        timing: How long it lasts; None: as usual.

    Raises:
        BusyError: Somebody else has it, renews it, and `wait` is false.
        BucketError: The bucket can't be read or written.
    """
    timing = timing or Timing()
    key = f"leases/{name}.json"
    me = Holder(id=token_hex(8), who=f"{socket.gethostname()}, process {os.getpid()}", shared=shared)
    state = _LeaseState(objects, key)
    _acquire(state, me, wait=wait, waits_for=waits_for, timing=timing)
    stop = threading.Event()
    renewing = threading.Thread(target=_renew, args=(state, me, stop, timing), daemon=True, name="fluke-lease")
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        try:
            state.change(lambda holders: [holder for holder in holders if holder.id != me.id])
        except BucketError as error:  # it expires
            logger.debug("%s can't be given back: %s", key, error)


class _LeaseState:
    """The object of a lease, and what this process knows of it: a renewal need not read what it has just written."""

    def __init__(self, objects: Objects, key: str) -> None:
        self.objects, self.key = objects, key
        self.holders: list[Holder] = []
        self._generation: Generation | None = None

    def read(self) -> None:
        """Ask the bucket."""
        stored = self.objects.state(self.key)
        try:
            self.holders = list(_Lease.model_validate_json(stored.data).holders) if stored else []
        except ValidationError as error:
            raise BucketError(
                f"{self.objects.url}/{self.key} is damaged; delete this object if nobody uses the bucket"
            ) from error
        self._generation = stored.generation if stored else None

    def write(self, holders: list[Holder]) -> bool:
        """Replace the holders; returns whether nobody else has written since this process read or wrote them."""
        content = _Lease(holders=tuple(holders), nonce=token_hex(8))
        written = self.objects.put_if(self.key, content.model_dump_json().encode(), self._generation)
        if written:
            self.holders, self._generation = holders, written
        return written is not None

    def change(self, change: Callable[[list[Holder]], list[Holder]]) -> None:
        """Change the holders, whoever else writes."""
        while (new := change(self.holders)) != self.holders and not self.write(new):
            self.read()


def _acquire(state: _LeaseState, me: Holder, *, wait: bool, waits_for: Callable[[str], None], timing: Timing) -> None:
    seen: dict[tuple[str, int], float] = {}
    while True:
        state.read()
        holders = state.holders
        now = timing.clock()
        for holder in holders:
            seen.setdefault((holder.id, holder.beat), now)
        alive = [each for each in holders if now - seen[each.id, each.beat] < timing.expires_s]
        blocking = [each for each in alive if not (each.shared and me.shared)]
        if not blocking:
            if state.write([*alive, me]):
                return
            continue
        if not wait and any(each.beat > min(beat for name, beat in seen if name == each.id) for each in blocking):
            raise BusyError(f"{state.objects.url}: {blocking[0].who} is using it; try again later", blocking[0])
        waits_for(blocking[0].who)
        waits_for = _silent
        timing.sleep(timing.poll_s)


def _silent(who: str) -> None:
    """Say nothing."""


def _renew(state: _LeaseState, me: Holder, stop: threading.Event, timing: Timing) -> None:
    def renewed(holders: list[Holder]) -> list[Holder]:
        return [each.model_copy(update={"beat": each.beat + 1}) if each.id == me.id else each for each in holders]

    while not stop.wait(timing.expires_s / _RENEWALS):
        try:
            state.change(renewed)
        except BucketError as error:
            logger.warning("a lease can't be renewed: %s", error)
