"""One GPU for several presets: the stages that compute with it take turns, by Prefect's concurrency limit `gpu`.

Without such a limit nothing is limited. `fluke serve` makes one on its own server if the machine has a GPU; anybody
can: `prefect gcl create gpu --limit 1`. A stage takes its turn only to build something: a cached one never waits.
"""

import functools
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.dashboard.sender import REQUEST_TIMEOUT_S
from tasks.store.manifest import Result
from tasks.store.stage import Stage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

LIMIT = "gpu"
"""The name of the limit."""
STAGES = frozenset({"pretrain", "extract", "train", "evaluate"})
_DEVICES = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""GPUs of NVIDIA and AMD, and those that Windows lends to Linux."""
_FIRST_TRY_S = 2
_LEASE_S = 60
"""How long the turn of a run that was killed lasts on."""

logger = logging.getLogger("fluke.run")


def _is_not_of_a_first_try(record: logging.LogRecord) -> bool:
    """Drop what Prefect logs as an error if a slot isn't had in time: `turn` says what it means."""
    return "ConcurrencySlotAcquisition" not in record.getMessage()


logging.getLogger("prefect._internal.concurrency").addFilter(_is_not_of_a_first_try)


def has_gpu() -> bool:
    """Whether this machine has a GPU, as far as its devices tell."""
    return any(Path(device).exists() for device in _DEVICES)


def create(client: "SyncPrefectClient") -> None:
    """Let one stage use the GPU at a time, unless the server has such a limit already."""
    from prefect.exceptions import ObjectNotFound

    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        client.upsert_global_concurrency_limit_by_name(LIMIT, 1)


def taking_turns(stage: Stage) -> Stage:
    """Return a stage that waits for its turn before it builds, if it is one that computes with the GPU."""
    if stage.name not in STAGES:
        return stage

    @functools.wraps(stage.build)  # it keeps the module, whose source is part of the manifest
    def build(*args: Any, **parents: Any) -> Result:
        with turn(stage.name):
            return stage.build(*args, **parents)

    return replace(stage, build=build)


@contextmanager
def turn(stage: str) -> Iterator[None]:
    """Hold a slot of the limit while a stage computes; without a limit, or a server that answers, go on at once."""
    with ExitStack() as stack:
        try:
            stack.enter_context(_slot(_FIRST_TRY_S))
        except TimeoutError:  # the limit is taken, or the server is slow
            if _is_there():
                logger.warning("%s waits: other runs use the GPU (Prefect's limit %r)", stage, LIMIT)
                with suppress(_ServerGoneError):
                    stack.enter_context(_slot(None))
        except _ServerGoneError:
            pass
        yield


def _is_there() -> bool:
    """Whether the server has the limit; no if it doesn't say so."""
    from prefect.client.orchestration import get_client

    try:
        with _bounded(), get_client(sync_client=True) as client:
            client.read_global_concurrency_limit_by_name(LIMIT)
    except Exception as error:  # most often ObjectNotFound
        logger.info("the limit %r could not be read: %s", LIMIT, error)
        return False
    return True


class _ServerGoneError(Exception):
    """The server can't be asked."""


@contextmanager
def _slot(timeout_s: float | None) -> Iterator[None]:
    from prefect.concurrency.sync import concurrency

    slot = concurrency(LIMIT, timeout_seconds=timeout_s, lease_duration=_LEASE_S, raise_on_lease_renewal_failure=False)
    try:
        with _bounded():
            slot.__enter__()
    except TimeoutError:
        raise
    except Exception as error:
        logger.info("the limit %r could not be asked for: %s", LIMIT, error)
        raise _ServerGoneError from error
    try:
        yield
    finally:
        try:
            with _bounded():
                slot.__exit__(None, None, None)
        except Exception as error:  # the server has gone; the slot ends by itself
            logger.info("the limit %r was not given back: %s", LIMIT, error)


def _bounded() -> AbstractContextManager[object]:
    """Let Prefect's client ask twice at most, each time for a few seconds."""
    from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    return temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1, PREFECT_API_REQUEST_TIMEOUT: REQUEST_TIMEOUT_S})
