"""A stand-in for what a server has of a scheduled deployment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flows.serve import owner

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
CRON = "0 2 * * *"


def standing(root: Path, *, polled_s: float = 5, paused: bool = False, created: datetime | None = None) -> Any:
    """Return a deployment with a daily schedule, served with a data folder; it was asked for `polled_s` ago."""
    schedule = SimpleNamespace(schedule=SimpleNamespace(cron=CRON, timezone="UTC"))
    return SimpleNamespace(
        id="5f4d0bb2-3cf4-4d61-a1a7-bd3f4fcd4c39",
        description=f"The whole pipeline.\n\n{owner.sentence(root)}",
        last_polled=NOW - timedelta(seconds=polled_s),
        paused=paused,
        created=created or NOW - timedelta(days=9),
        schedules=[schedule],
    )
