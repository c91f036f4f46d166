"""Deployments: the pipeline on a schedule; each stage and predictions on demand, from the dashboard or the API."""

from typing import Any, cast
from zoneinfo import ZoneInfo

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from configs.load import changed_text
from configs.schema import STAGE_NAMES, Config
from flows.predict.flow import predict_folder
from flows.served import served_pipeline
from tasks.store.errors import UserError

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def build(preset: str, config: Config, *, cron: str, timezone: str, preset_file: str = "") -> list[RunnerDeployment]:
    """Build the deployments of a preset: a scheduled one that searches for new photos, one per stage, one to predict.

    The pipeline's parameters contain the settings that differ from the defaults, as YAML; those of the last are the
    options of `fluke predict`.

    Args:
        preset: The name in the deployments' names.
        config: The config of every run.
        cron: When the scheduled run starts, e.g. "0 2 * * *". A run is cancelled if the previous one still runs.
        timezone: Time zone of `cron`, e.g. "Europe/Berlin".
        preset_file: Absolute path of the preset's YAML file, if it has one.

    Raises:
        UserError: The cron expression or the time zone is invalid.
    """
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"--timezone {timezone!r}: unknown time zone; use a name such as Europe/Berlin") from error
    try:
        schedule = Cron(cron, timezone=timezone)
    except ValueError as error:
        raise UserError(f"--cron {cron!r}: not a cron expression; '0 2 * * *' means daily at 2:00") from error
    parameters: dict[str, Any] = {"preset": preset, "settings": changed_text(config)}
    if preset_file:
        parameters["preset_file"] = preset_file
    nightly = served_pipeline.to_deployment(
        f"{preset}-nightly",
        description="The whole pipeline: searches for new photos, and rebuilds only what they change.",
        parameters=parameters | {"fresh": ["crawl"], "scheduled": True},
        schedule=schedule,
        concurrency_limit=ONE_AT_A_TIME,
        tags=["fluke"],
    )
    stages = [
        served_pipeline.to_deployment(
            f"{preset}-{stage}",
            description=f"The pipeline up to {stage}; builds only what the store doesn't contain.",
            parameters=parameters | {"until": stage},
            tags=["fluke"],
        )
        for stage in STAGE_NAMES
    ]
    predict = predict_folder.to_deployment(
        f"{preset}-predict",
        description="Predicts the classes of a folder's photos with the model of this preset's last successful run.",
        parameters={"model": preset},
        tags=["fluke"],
    )
    # The declared type includes coroutines, which to_deployment returns only inside a running event loop.
    return cast("list[RunnerDeployment]", [nightly, *stages, predict])
