"""Deployments: the pipeline every night; each stage and predictions on demand, from the dashboard or the API."""

from typing import Any, cast
from zoneinfo import ZoneInfo

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from configs.schema import STAGE_NAMES, Config
from flows.predict.flow import predict_folder
from flows.run import pipeline
from tasks.store.errors import UserError

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def build(preset: str, config: Config, *, cron: str, timezone: str) -> list[RunnerDeployment]:
    """A nightly deployment that looks for new photos, one per stage, and one that predicts folders.

    The parameters of the first are the config's sections; those of the last, the options of `fluke predict`.

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
    predict = predict_folder.to_deployment(
        f"{preset}-predict",
        description="Says what the photos of a folder show, as the last good model of this preset sees them.",
        parameters={"model": preset},
        tags=["fluke"],
    )
    # Their type allows for a coroutine, which they only are where an event loop runs.
    return cast("list[RunnerDeployment]", [nightly, *stages, predict])
