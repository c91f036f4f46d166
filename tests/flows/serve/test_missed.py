"""Which night was missed, and what becomes of late runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from flows.serve import missed
from tests.helpers.deployment_stand_in import CRON, NOW, standing

DUE = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("runs", "is_missed"),
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
    runs: list[tuple[datetime, StateType, bool]], is_missed: bool, tmp_path: Path
) -> None:
    client: Any = _Client(*runs)
    found = missed.find(client, standing(tmp_path), CRON, "UTC", NOW)
    assert found == (DUE if is_missed else None)


def test_a_new_or_changed_schedule_has_missed_nothing(tmp_path: Path) -> None:
    client: Any = _Client()
    assert missed.find(client, None, CRON, "UTC", NOW) is None
    assert missed.find(client, standing(tmp_path, created=DUE + timedelta(hours=1)), CRON, "UTC", NOW) is None
    assert missed.find(client, standing(tmp_path), "0 3 * * *", "UTC", NOW) is None
    assert missed.find(client, standing(tmp_path), CRON, "Europe/Berlin", NOW) is None


def test_only_runs_that_the_schedule_was_late_with_are_deleted(tmp_path: Path) -> None:
    client: Any = _Client(
        (DUE - timedelta(days=1), StateType.SCHEDULED, True),
        (DUE, StateType.SCHEDULED, True),
        (DUE, StateType.SCHEDULED, False),  # a person asked for it
        (DUE, StateType.COMPLETED, True),
        (NOW + timedelta(hours=17), StateType.SCHEDULED, True),
    )
    missed.delete_late(client, standing(tmp_path), NOW)
    assert client.deleted == [0, 1]
