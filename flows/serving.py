"""Serve deployments: whose they are, which night was missed, a server that is away, and a clean end."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner

from flows import schedules
from flows.gpu import LIMIT
from tasks.store.errors import UserError

_POLLED_WITHIN_S = 60
"""`serve` asks for runs every 10 s; who has not asked for this long has ended."""

logger = logging.getLogger("fluke.serve")


def owner(root: Path) -> str:
    """Say who serves, for the descriptions of deployments: this machine, and the data folder."""
    return f"Served on {socket.gethostname()} with the data folder {root}."


def read(client: SyncPrefectClient, nightly: RunnerDeployment) -> DeploymentResponse | None:
    """Read what the server has of a scheduled deployment; None if nobody has served it yet."""
    try:
        return client.read_deployment_by_name(nightly.full_name)
    except ObjectNotFound:
        return None


def refuse_if_served(standing: DeploymentResponse | None, name: str, root: Path, now: datetime) -> None:
    """Raise UserError if somebody else serves deployments of this name: with another data folder, or elsewhere.

    A second `serve` with the same data folder is refused by `flows.preflight.only_serve`, before this.
    """
    if standing is None or standing.last_polled is None or owner(root) in (standing.description or ""):
        return
    if standing.paused:  # as `serve` leaves its deployments on its own server
        return
    if now - standing.last_polled < timedelta(seconds=_POLLED_WITHIN_S):
        said = [line for line in (standing.description or "").splitlines() if line.startswith("Served on ")]
        where = said[0][0].lower() + said[0][1:].rstrip(".") if said else "served by somebody else"
        raise UserError(
            f"{name} is {where}; stop that `fluke serve` and wait a minute, or give this preset another name (name: in "
            "its YAML file)"
        )


def missed(
    client: SyncPrefectClient, standing: DeploymentResponse | None, cron: str, timezone: str, now: datetime
) -> datetime | None:
    """Return when the schedule's last run should have started, if none was started since; else None.

    A new deployment, or one whose schedule has changed, has missed nothing.
    """
    if (
        standing is None
        or standing.created is None
        or not any(_is(each, cron, timezone) for each in standing.schedules)
    ):
        return None
    due = schedules.last_time(cron, timezone, now)
    if standing.created > due:
        return None
    since = _runs(client, standing, after=due - timedelta(minutes=1))
    return None if any(run.state_type != StateType.SCHEDULED for run in since) else due


def delete_late(client: SyncPrefectClient, standing: DeploymentResponse | None, now: datetime) -> None:
    """Delete the scheduled runs that were missed: Prefect would start them all, and cancel all but the first."""
    if standing is None:
        return
    for run in _runs(client, standing, before=now):
        if run.auto_scheduled and run.state_type == StateType.SCHEDULED and run.run_count == 0:
            client.delete_flow_run(run.id)


def limit_gpu(client: SyncPrefectClient) -> None:
    """Let one stage use the GPU at a time, unless the server has such a limit already."""
    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        client.upsert_global_concurrency_limit_by_name(LIMIT, 1)


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
    try:
        asyncio.run(runner.start())
    except KeyboardInterrupt:
        logger.info("stopped")


class _PatientRunner(Runner):
    """Asks for due runs as long as it lives; Prefect's own ends after three failures, and kills the runs under way.

    It ends at SIGTERM as it does at Ctrl-C: Prefect's own way leaves tracebacks.
    """

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

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


def _is(schedule: Any, cron: str, timezone: str) -> bool:
    given = schedule.schedule
    return getattr(given, "cron", None) == cron and (getattr(given, "timezone", None) or "UTC") == timezone


def _runs(
    client: SyncPrefectClient,
    deployment: DeploymentResponse,
    *,
    after: datetime | None = None,
    before: datetime | None = None,
) -> list[FlowRun]:
    times = {name: time.astimezone(UTC) for name, time in (("after_", after), ("before_", before)) if time}
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
            expected_start_time=FlowRunFilterExpectedStartTime.model_validate(times),
        ),
        limit=200,
    )
