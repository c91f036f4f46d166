"""Serve deployments: with a server that is away for a while, and a clean end."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Self, cast
from uuid import UUID

import httpx
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner

logger = logging.getLogger("fluke.serve")


def serve(deployments: Sequence[RunnerDeployment], *, pause_on_shutdown: bool, start_first: bool) -> None:
    """Serve deployments until Ctrl-C or SIGTERM.

    Args:
        deployments: What to serve; the first is the scheduled one.
        pause_on_shutdown: Whether their schedules pause when this ends.
        start_first: Whether to start a run of the first at once.
    """
    from prefect.client.orchestration import get_client

    runner = _PatientRunner(pause_on_shutdown=pause_on_shutdown)
    ids = [cast(UUID, runner.add_deployment(deployment)) for deployment in deployments]  # no coroutine outside a loop
    if start_first:
        with get_client(sync_client=True) as client:
            client.create_flow_run_from_deployment(ids[0])
    with suppress(KeyboardInterrupt, asyncio.CancelledError):  # Ctrl-C, SIGTERM
        asyncio.run(runner.start())


@contextmanager
def until_stopped(announce: Callable[[str], None], preset: str) -> Iterator[None]:
    """Say in one line that serving has ended by Ctrl-C or SIGTERM, also if that comes before a runner listens for it.

    Args:
        announce: Prints a line.
        preset: What is served, for the line.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code:
            raise
    announce(f"stopped: no run of {preset} starts on schedule until `fluke serve` runs for it again")


class _PatientRunner(Runner):
    """Asks for due and for cancelled runs as long as it lives.

    Prefect's own ends after three failures to ask for due runs, and kills the runs under way; after three failures to
    ask for cancelled runs, none can be cancelled any more.

    It ends at SIGTERM as it does at Ctrl-C: Prefect's own way leaves tracebacks.
    """

    _stop: Callable[[], object] = sys.exit

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        # What asyncio does at Ctrl-C. A process that a script starts with & ignores the signal of Ctrl-C itself.
        self._stop()

    async def __aenter__(self) -> Self:
        if task := asyncio.current_task():
            self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
        await super().__aenter__()
        poller = self._scheduled_run_poller
        due = poller._get_and_submit_flow_runs
        poller._get_and_submit_flow_runs = _patient(due, "no run starts")  # type: ignore[method-assign]
        if observer := self._cancelling_observer:
            cancelled = observer._check_for_cancelled_flow_runs
            observer._check_for_cancelled_flow_runs = _patient(  # type: ignore[method-assign]
                cancelled, "no run is cancelled"
            )
        return self


def _patient(ask: Callable[[], Awaitable[None]], meanwhile: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return a function that asks the server, and says once that it is away; `meanwhile` is what that means."""
    is_away = False

    async def ask_patiently() -> None:
        nonlocal is_away
        try:
            await ask()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
                raise
            if not is_away:
                logger.warning("the Prefect server does not answer; %s until it does: %s", meanwhile, error)
            is_away = True
            return
        if is_away:
            logger.warning("the Prefect server answers again")
        is_away = False

    return ask_patiently
