"""Schedules: what is refused, and when runs start on days on which the clocks change."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from flows.serve import schedule
from tasks.store.errors import UserError


@pytest.mark.parametrize(
    ("cron", "timezone", "says"),
    [
        ("2 o'clock", "UTC", "--cron"),
        ("0 2 * * *", "Nowhere", "--timezone"),
        ("0 0 30 2 *", "UTC", "'0 0 30 2 \\*': there is no such day"),
        ("0 0 31 4,6 *", "UTC", "there is no such day"),
    ],
)
def test_an_invalid_schedule_is_refused(cron: str, timezone: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        schedule.cron_schedule(cron, timezone)


def test_a_leap_day_is_a_day() -> None:
    assert schedule.cron_schedule("0 0 29 2 *", "Europe/Berlin").cron == "0 0 29 2 *"
    now = datetime(2027, 1, 1, tzinfo=UTC)
    assert schedule.last_time("0 0 29 2 *", "UTC", now) == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("first_day", [(2026, 3, 28), (2026, 10, 24)])
def test_there_is_one_run_a_day_also_when_the_clocks_change(first_day: tuple[int, int, int]) -> None:
    from prefect.server.schemas.schedules import CronSchedule

    zone = ZoneInfo("Europe/Berlin")
    first = datetime(*first_day, tzinfo=zone)
    dates = asyncio.run(CronSchedule(cron="30 2 * * *", timezone="Europe/Berlin").get_dates(3, start=first))
    found = [date.astimezone(zone) for date in dates]
    assert [date.date() for date in found] == [(first + timedelta(days=days)).date() for days in range(3)]
    # There is no 2:30 on a day in March, and Prefect takes 1:30.
    assert all(date.replace(tzinfo=None).time() in (time(1, 30), time(2, 30)) for date in found)


def test_the_last_time_is_in_the_time_zone_of_the_schedule() -> None:
    now = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
    assert schedule.last_time("0 2 * * *", "UTC", now) == datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
    assert schedule.last_time("0 2 * * *", "Asia/Seoul", now) == datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
