"""Prefect's limit of the trainings that use the GPU at once: `prefect gcl create tag:gpu --limit 1`.

Prefect itself limits the tasks with a tag, but it asks the server for a slot even if there is no limit, and without an
answer the task fails. Here a run without a server goes on without a slot.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from flows.dashboard.sender import REQUEST_TIMEOUT_S

LIMIT = "tag:gpu"
_LEASE_S = 60

logger = logging.getLogger("fluke.run")


@contextmanager
def slot() -> Iterator[None]:
    """Wait for a slot of the limit, and keep it; do nothing if the server has no such limit, or doesn't answer."""
    bounds = {PREFECT_CLIENT_MAX_RETRIES: 1, PREFECT_API_REQUEST_TIMEOUT: REQUEST_TIMEOUT_S}
    held = None
    try:
        with temporary_settings(bounds):
            if _exists():
                held = concurrency(LIMIT, lease_duration=_LEASE_S)
                held.__enter__()
    except Exception as error:  # Prefect wraps those of the network
        held = None
        logger.warning("trains without a slot of the limit %s, as the server does not answer: %s", LIMIT, error)
    try:
        yield
    finally:
        if held:
            with temporary_settings(bounds), suppress(Exception):  # the slot's lease ends without a release, too
                held.__exit__(None, None, None)


def _exists() -> bool:
    if not PREFECT_API_URL.value():
        return False
    # With settings of its own the client isn't the engine's, which waits longer.
    with get_client(sync_client=True, httpx_settings={"timeout": REQUEST_TIMEOUT_S}) as client:
        try:
            client.read_global_concurrency_limit_by_name(LIMIT)
        except ObjectNotFound:
            return False
    return True
