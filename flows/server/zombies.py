"""A service in our Prefect server that ends runs whose process has died: their heartbeats have stopped.

Prefect's documentation does this with an automation. On SQLite, that makes runs wait: at each heartbeat it locks the
database for ten statements, and it often misses the end of a run, because SQLite refuses to write in a transaction that
began with reading while anybody else writes. This service reads twice a minute, and writes only when a run has died.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from docket import Depends, Perpetual
from prefect.server.api.clients import OrchestrationClient
from prefect.server.database import PrefectDBInterface, provide_database_interface
from prefect.server.events.filters import AutomationFilter, AutomationFilterName
from prefect.server.events.models.automations import delete_automation, read_automations_for_workspace
from prefect.server.schemas.actions import StateCreate
from prefect.server.schemas.states import StateType

HEARTBEAT = "prefect.flow-run.heartbeat"
SILENCE = timedelta(seconds=150)
"""A run without a heartbeat for so long has died; it sends one every 30 s, which is stored after 5 s."""
LOOK_EVERY = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(seconds=90)
"""Between two looks. With the 30 s between two heartbeats, it is shorter than the silence of a run that has died."""
_RESOURCE = "prefect.flow-run."
_OLD_AUTOMATION = "fluke: crash runs whose process has died"


class Watch:
    """Knows whether the server has been awake for long enough to judge: while it doesn't run, heartbeats are lost.

    The same holds while the machine sleeps, or is so busy that looks are late.
    """

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._last: datetime | None = None

    def look(self, now: datetime) -> bool:
        """Note a look at the runs; return whether looks have been on time for as long as a run may be silent."""
        if self._since is None or self._last is None or not timedelta() <= now - self._last < _LONGEST_PAUSE:
            self._since = now
        self._last = now
        return now - self._since >= SILENCE


async def silent_runs(db: PrefectDBInterface, now: datetime) -> Sequence[UUID]:
    """Return the runs that count as running, but whose last heartbeat is too old; not those that never sent one."""
    async with db.session_context() as session:
        running = sa.select(db.FlowRun.id).where(db.FlowRun.state_type.in_([StateType.RUNNING, StateType.CANCELLING]))
        resources = [f"{_RESOURCE}{run}" for run in (await session.execute(running)).scalars()]
        last = (
            sa.select(db.Event.resource_id)
            .where(db.Event.event == HEARTBEAT, db.Event.resource_id.in_(resources))
            .group_by(db.Event.resource_id)
            .having(sa.func.max(db.Event.occurred) < now - SILENCE)
        )
        silent = (await session.execute(last)).scalars() if resources else ()
        return [UUID(resource.removeprefix(_RESOURCE)) for resource in silent]


async def remove_old_automation(db: PrefectDBInterface) -> None:
    """Delete the automation that earlier versions of fluke have made for the same purpose."""
    named = AutomationFilter(name=AutomationFilterName(any_=[_OLD_AUTOMATION]))
    async with db.session_context() as session:
        found = await read_automations_for_workspace(session, automation_filter=named)  # type: ignore[attr-defined]
    for automation in found:
        async with db.session_context(begin_transaction=True, with_for_update=True) as session:
            await delete_automation(session, automation.id)  # type: ignore[attr-defined]


_watch = Watch()


async def crash_zombies(
    db: PrefectDBInterface = Depends(provide_database_interface),  # noqa: B008  # the server fills both in
    perpetual: Perpetual = Perpetual(automatic=True, every=LOOK_EVERY),  # noqa: B008
) -> None:
    """Mark runs as crashed whose process has died, so that they don't block the next scheduled run."""
    await remove_old_automation(db)
    now = datetime.now(UTC)
    if not _watch.look(now) or not (silent := await silent_runs(db, now)):
        return
    state = StateCreate(type=StateType.CRASHED, message=f"its process has died: no heartbeat for {SILENCE.seconds} s")
    async with OrchestrationClient() as client:  # which takes 0.2 s of a core, so not at each look
        for run in silent:
            await client.set_flow_run_state(run, state)
