"""Runs whose process has died: found by their heartbeats, in a database of Prefect without a server."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.server import models, schemas
from prefect.server.database import PrefectDBInterface
from prefect.server.events.actions import DoNothing
from prefect.server.events.models.automations import create_automation, read_automations_for_workspace
from prefect.server.events.schemas.automations import Automation, EventTrigger, Posture
from prefect.server.events.schemas.events import ReceivedEvent, Resource
from prefect.server.events.storage.database import write_events
from prefect.server.schemas.states import State, StateType
from sqlalchemy.ext.asyncio import AsyncSession

from flows.server import zombies
from flows.server.zombies import HEARTBEAT, LOOK_EVERY, SILENCE, Watch

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
InSession = Callable[[Callable[[AsyncSession], Awaitable[Any]]], Any]


async def add_run(session: AsyncSession, state: StateType, *heartbeats_ago_s: float) -> UUID:
    """Store a run in a state, and the heartbeats that it has sent."""
    flow = await models.flows.create_flow(session, schemas.core.Flow(name=str(uuid4())))
    run = await models.flow_runs.create_flow_run(
        session, schemas.core.FlowRun(flow_id=flow.id, state=State(type=state))
    )
    await write_events(
        session,
        [
            ReceivedEvent(
                id=uuid4(),
                occurred=NOW - timedelta(seconds=ago_s),
                event=HEARTBEAT,
                resource=Resource({"prefect.resource.id": f"prefect.flow-run.{run.id}"}),
            )
            for ago_s in heartbeats_ago_s
        ],
    )
    return run.id


@pytest.mark.slow
def test_only_a_run_whose_last_heartbeat_is_old_has_died(prefect_database: PrefectDBInterface) -> None:
    old = SILENCE.total_seconds() + 1

    async def find() -> None:
        async with prefect_database.session_context(begin_transaction=True) as session:
            dead = await add_run(session, StateType.RUNNING, old + 30, old)
            cancelled = await add_run(session, StateType.CANCELLING, old)
            await add_run(session, StateType.RUNNING, old, old - 30)
            await add_run(session, StateType.RUNNING)  # it sends none
            await add_run(session, StateType.COMPLETED, old)
            await add_run(session, StateType.PAUSED, old)
        assert set(await zombies.silent_runs(prefect_database, NOW)) == {dead, cancelled}

    asyncio.run(find())


def test_without_runs_nothing_has_died(prefect_database: PrefectDBInterface) -> None:
    assert asyncio.run(zombies.silent_runs(prefect_database, NOW)) == []


def test_the_automation_of_earlier_versions_is_deleted_and_no_other(prefect_database: PrefectDBInterface) -> None:
    async def remove() -> list[str]:
        async with prefect_database.session_context(begin_transaction=True) as session:
            for name in ("fluke: crash runs whose process has died", "mine"):
                trigger = EventTrigger(posture=Posture.Reactive, threshold=1)
                await create_automation(session, Automation(name=name, trigger=trigger, actions=[DoNothing()]))
        for _ in range(2):
            await zombies.remove_old_automation(prefect_database)
        async with prefect_database.session_context() as session:
            return [automation.name for automation in await read_automations_for_workspace(session)]

    assert asyncio.run(remove()) == ["mine"]


@pytest.mark.parametrize("pause", [timedelta(hours=8), timedelta(hours=-1)])
def test_after_a_start_or_a_pause_each_run_has_time_for_a_heartbeat(pause: timedelta) -> None:
    watch = Watch()
    looks_needed = SILENCE // LOOK_EVERY
    now = NOW
    for _ in range(2):  # after the start, and after the machine has slept or its clock was changed
        for look in range(looks_needed + 3):
            assert watch.look(now) == (look >= looks_needed)
            now += LOOK_EVERY
        now += pause
