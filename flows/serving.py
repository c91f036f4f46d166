"""`fluke serve`: asks the Prefect server for runs that are due, and goes on asking when the server was away."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Self

import httpx
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import TerminationSignal
from prefect.runner import Runner

logger = logging.getLogger("fluke.server")


def serve(deployments: Sequence[RunnerDeployment], *, pause_on_shutdown: bool) -> None:
    """Register deployments and start their runs when they are due, until Ctrl-C or SIGTERM.

    Args:
        deployments: What to serve.
        pause_on_shutdown: Whether to pause their schedules at the end.
    """
    runner = _PatientRunner(pause_on_shutdown=pause_on_shutdown)
    for deployment in deployments:
        runner.add_deployment(deployment)
    try:
        asyncio.run(runner.start())
    except (KeyboardInterrupt, TerminationSignal):
        logger.info("stopped")


class _PatientRunner(Runner):
    """Asks for due runs as long as it lives; Prefect's own ends after three failures, and kills the runs under way."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        poller = self._scheduled_run_poller
        ask = poller._get_and_submit_flow_runs
        is_away = False

        async def ask_patiently() -> None:
            nonlocal is_away
            try:
                await ask()
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
                    raise
                if not is_away:
                    logger.warning("the Prefect server does not answer; no run starts until it does: %s", error)
                is_away = True
                return
            if is_away:
                logger.warning("the Prefect server answers again")
            is_away = False

        poller._get_and_submit_flow_runs = ask_patiently  # type: ignore[assignment, method-assign]
        return self
