"""When a preset's scheduled runs start: cron expressions in a time zone."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from prefect._vendor import croniter  # Prefect computes the times of runs with this copy
from prefect.schedules import Cron, Schedule

from tasks.store.errors import UserError


def cron_schedule(cron: str, timezone: str) -> Schedule:
    """Return the schedule of a cron expression, e.g. "0 2 * * *" in "Europe/Berlin".

    Raises:
        UserError: The expression or the time zone is invalid, or it names a day that no calendar has.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"--timezone {timezone!r}: unknown time zone; use a name such as Europe/Berlin") from error
    try:
        found = Cron(cron, timezone=timezone)
    except ValueError as error:
        raise UserError(f"--cron {cron!r}: not a cron expression; '0 2 * * *' means daily at 2:00") from error
    try:
        _times(cron, datetime.now(zone)).get_next()
    except croniter.CroniterBadDateError as error:  # type: ignore[attr-defined]
        raise UserError(
            f"--cron {cron!r}: there is no such day, so no run would ever start; '0 2 * * *' means daily at 2:00"
        ) from error
    return found


def last_time(cron: str, timezone: str, now: datetime) -> datetime:
    """Return when a valid schedule had its last run before `now`, which has a time zone."""
    found: datetime = _times(cron, now.astimezone(ZoneInfo(timezone))).get_prev(datetime)
    return found


def _times(cron: str, start: datetime) -> Any:
    return croniter.croniter(cron, start)  # type: ignore[attr-defined,no-untyped-call]
