"""Deployments: the pipeline on a schedule; each stage and predictions on demand, from the dashboard or the API."""

import re
from typing import Any, cast

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment

from configs.load import changed_text, model_name
from configs.schema import STAGE_NAMES, Config
from flows import schedules
from flows.ablate.flow import served_ablation
from flows.predict.flow import predict_folder
from flows.served import served_pipeline

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def build(
    preset: str, config: Config, *, cron: str, timezone: str, preset_file: str = "", owner: str = ""
) -> list[RunnerDeployment]:
    """Build the deployments of a preset: a scheduled one that searches for new photos, one per stage, others.

    The others compare settings, and predict.

    The pipeline's parameters contain the settings that differ from the defaults, as YAML; those of the last are the
    options of `fluke predict`.

    Args:
        preset: The name of the preset. The deployments are named by that of the model: two files of one name that have
            a `name:` each don't overwrite each other's deployments.
        config: The config of every run.
        cron: When the scheduled run starts, e.g. "0 2 * * *". A run is cancelled if the previous one still runs.
        timezone: Time zone of `cron`, e.g. "Europe/Berlin".
        preset_file: Absolute path of the preset's YAML file, if it has one.
        owner: A sentence that says who serves them; it is in the description of the scheduled one.

    Raises:
        UserError: The cron expression or the time zone is invalid.
    """
    name = re.sub("[/%&<>]", "_", model_name(config, preset))  # Prefect refuses these in names
    when = schedules.schedule(cron, timezone)
    parameters: dict[str, Any] = {"preset": preset, "settings": changed_text(config)}
    if preset_file:
        parameters["preset_file"] = preset_file
    nightly = served_pipeline.to_deployment(
        f"{name}-nightly",
        description="\n\n".join(
            filter(None, ["The whole pipeline: searches for new photos, and rebuilds only what they change.", owner])
        ),
        parameters=parameters | {"fresh": ["crawl"], "scheduled": True},
        schedule=when,
        concurrency_limit=ONE_AT_A_TIME,
        tags=["fluke"],
    )
    stages = [
        served_pipeline.to_deployment(
            f"{name}-{stage}",
            description=f"The pipeline up to {stage}; builds only what the store doesn't contain.",
            parameters=parameters | {"until": stage},
            tags=["fluke"],
        )
        for stage in STAGE_NAMES
    ]
    predict = predict_folder.to_deployment(
        f"{name}-predict",
        description="Predicts the classes of a folder's photos with the model that is used under this name.",
        parameters={"model": model_name(config, preset)},
        tags=["fluke"],
    )
    ablation = served_ablation.to_deployment(
        f"{name}-ablate",
        description="Compares arms, which differ in some settings, on the same photos, split and seeds.",
        parameters={"preset": preset, "settings": parameters["settings"]},
        concurrency_limit=ONE_AT_A_TIME,
        tags=["fluke"],
    )
    # The declared type includes coroutines, which to_deployment returns only inside a running event loop.
    return cast("list[RunnerDeployment]", [nightly, *stages, ablation, predict])
