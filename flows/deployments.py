"""Deployments: the whole pipeline every night, and each stage on demand, from the dashboard or the API."""

from typing import Any, cast
from zoneinfo import ZoneInfo

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from configs.schema import STAGE_NAMES, Config
from flows.run import pipeline
from tasks.support.errors import UserError

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def build(preset: str, config: Config, *, cron: str, timezone: str) -> list[RunnerDeployment]:
    """A nightly deployment that looks for new photos, and one per stage; their parameters are the config's sections.

    cron, timezone: when the nightly starts, e.g. "0 2 * * *" and "Europe/Berlin". A night that would start while the
    last one still runs is cancelled.
    """
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"--timezone {timezone!r}: there is no such time zone; name one like Europe/Berlin") from error
    try:
        schedule = Cron(cron, timezone=timezone)
    except ValueError as error:
        raise UserError(f"--cron {cron!r}: this is no cron expression; every night at 2:00 is '0 2 * * *'") from error
    parameters: dict[str, Any] = {"preset": preset, "config": config.model_dump(mode="json")}
    nightly = pipeline.to_deployment(
        f"{preset}-nightly",
        description="The whole pipeline, every night: looks for new photos, makes only what they change.",
        parameters=parameters | {"fresh": ["crawl"]},
        schedule=schedule,
        concurrency_limit=ONE_AT_A_TIME,
        tags=["fluke"],
    )
    stages = [
        pipeline.to_deployment(
            f"{preset}-{stage}",
            description=f"The pipeline up to {stage}; what the store holds already is not made again.",
            parameters=parameters | {"until": stage},
            tags=["fluke"],
        )
        for stage in STAGE_NAMES
    ]
    # Their type allows for a coroutine, which they only are where an event loop runs.
    return cast("list[RunnerDeployment]", [nightly, *stages])
