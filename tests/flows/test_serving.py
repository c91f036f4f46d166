"""Serving next to others: whose the deployments are, which night was missed, and what becomes of late runs."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.client.schemas.objects import StateType
from prefect.runner import Runner

from flows import serving
from tasks.store.errors import UserError

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
CRON = "0 2 * * *"
REQUEST = httpx.Request("POST", "http://x/api")


def _standing(root: Path, *, polled_s: float = 5, paused: bool = False, created: datetime | None = None) -> Any:
    schedule = SimpleNamespace(schedule=SimpleNamespace(cron=CRON, timezone="UTC"))
    return SimpleNamespace(
        id="5f4d0bb2-3cf4-4d61-a1a7-bd3f4fcd4c39",
        description=f"The whole pipeline.\n\n{serving.owner(root)}",
        last_polled=NOW - timedelta(seconds=polled_s),
        paused=paused,
        created=created or NOW - timedelta(days=9),
        schedules=[schedule],
    )


class _Client:
    """A server with some runs of the deployment: (expected start, state, started by the schedule)."""

    def __init__(self, *runs: tuple[datetime, StateType, bool]) -> None:
        self.runs = [
            SimpleNamespace(id=number, expected_start_time=time, state_type=state, auto_scheduled=auto, run_count=0)
            for number, (time, state, auto) in enumerate(runs)
        ]
        self.deleted: list[int] = []

    def read_flow_runs(self, *, flow_run_filter: Any, limit: int) -> list[Any]:
        times = flow_run_filter.expected_start_time
        return [
            run
            for run in self.runs
            if (times.after_ is None or run.expected_start_time >= times.after_)
            and (times.before_ is None or run.expected_start_time <= times.before_)
        ][:limit]

    def delete_flow_run(self, flow_run_id: int) -> None:
        self.deleted.append(flow_run_id)


def test_a_name_that_is_served_with_another_data_folder_is_refused(tmp_path: Path) -> None:
    standing = _standing(tmp_path / "theirs")
    with pytest.raises(UserError, match=f"whales is served on .* with the data folder {tmp_path}/theirs; stop"):
        serving.refuse_if_served(standing, "whales", tmp_path / "ours", NOW)


def test_deployments_that_nobody_serves_any_more_are_taken_over(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    serving.refuse_if_served(None, "whales", tmp_path, NOW)
    serving.refuse_if_served(_standing(theirs, polled_s=61), "whales", tmp_path, NOW)
    serving.refuse_if_served(_standing(theirs, paused=True), "whales", tmp_path, NOW)
    serving.refuse_if_served(_standing(theirs), "whales", theirs, NOW)  # killed a moment ago: its lock is free


@pytest.mark.parametrize(
    ("runs", "missed"),
    [
        ([], True),
        ([(DUE, StateType.SCHEDULED, True)], True),
        ([(DUE, StateType.COMPLETED, True)], False),
        ([(DUE, StateType.CRASHED, True)], False),
        ([(DUE + timedelta(hours=3), StateType.RUNNING, False)], False),
        (
            [
                (DUE - timedelta(days=1), StateType.COMPLETED, True),
                (NOW + timedelta(hours=17), StateType.SCHEDULED, True),
            ],
            True,
        ),
    ],
)
def test_a_night_is_missed_if_no_run_was_started_since_it_was_due(
    runs: list[tuple[datetime, StateType, bool]], missed: bool, tmp_path: Path
) -> None:
    client: Any = _Client(*runs)
    found = serving.missed(client, _standing(tmp_path), CRON, "UTC", NOW)
    assert found == (DUE if missed else None)


def test_a_new_or_changed_schedule_has_missed_nothing(tmp_path: Path) -> None:
    client: Any = _Client()
    assert serving.missed(client, None, CRON, "UTC", NOW) is None
    assert serving.missed(client, _standing(tmp_path, created=DUE + timedelta(hours=1)), CRON, "UTC", NOW) is None
    assert serving.missed(client, _standing(tmp_path), "0 3 * * *", "UTC", NOW) is None
    assert serving.missed(client, _standing(tmp_path), CRON, "Europe/Berlin", NOW) is None


def test_only_runs_that_the_schedule_was_late_with_are_deleted(tmp_path: Path) -> None:
    client: Any = _Client(
        (DUE - timedelta(days=1), StateType.SCHEDULED, True),
        (DUE, StateType.SCHEDULED, True),
        (DUE, StateType.SCHEDULED, False),  # a person asked for it
        (DUE, StateType.COMPLETED, True),
        (NOW + timedelta(hours=17), StateType.SCHEDULED, True),
    )
    serving.delete_late(client, _standing(tmp_path), NOW)
    assert client.deleted == [0, 1]


def error(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(code), request=REQUEST, response=httpx.Response(code))


def test_a_server_that_is_away_is_asked_again_and_a_refusal_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [httpx.ConnectError("away"), httpx.ReadTimeout("slow"), error(503), error(500), None, error(401)]

    async def ask() -> None:
        if answer := answers.pop(0):
            raise answer

    async def enter(runner: Runner) -> Runner:
        runner._scheduled_run_poller = SimpleNamespace(_get_and_submit_flow_runs=ask)  # type: ignore[assignment]
        return runner

    monkeypatch.setattr(Runner, "__aenter__", enter)

    async def poll() -> None:
        runner = await serving._PatientRunner().__aenter__()
        for _ in range(5):
            await runner._scheduled_run_poller._get_and_submit_flow_runs()
        with pytest.raises(httpx.HTTPStatusError):
            await runner._scheduled_run_poller._get_and_submit_flow_runs()

    with caplog.at_level(logging.WARNING, "fluke.server"):
        asyncio.run(poll())
    assert [record.getMessage() for record in caplog.records] == [
        "the Prefect server does not answer; no run starts until it does: away",
        "the Prefect server answers again",
    ]
