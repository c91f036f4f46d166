"""Scheduled runs that were missed, because nobody served, or the machine was off or slept."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse

from flows.serve import schedule

_LATE_AFTER = timedelta(minutes=15)
"""A run may wait so long for a busy machine or a server that starts again; later, the machine has slept."""


def is_late(due: datetime, now: datetime) -> bool:
    """Whether a scheduled run that begins now was missed at its time."""
    return now - due > _LATE_AFTER


def find(
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
    due = schedule.last_time(cron, timezone, now)
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


def _is(each: Any, cron: str, timezone: str) -> bool:
    given = each.schedule
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
