"""Deployments: the pipeline on a schedule; each stage and predictions on demand, from the dashboard or the API."""

import re
from typing import Any, cast

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment

from configs import form
from configs.load import model_name, with_memory
from configs.schema import STAGE_NAMES, Config
from flows.ablate.flow import served_ablation
from flows.predict.flow import predict_folder
from flows.serve.form import served_pipeline
from flows.serve.schedule import cron_schedule

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def build(
    preset: str,
    config: Config,
    *,
    cron: str,
    timezone: str,
    preset_file: str = "",
    owner: str = "",
    skip_if_late: bool = False,
) -> list[RunnerDeployment]:
    """Build the deployments of a preset: a scheduled one that searches for new photos, one per stage, others.

    The others compare settings, and predict.

    The pipeline's parameters are fields for the settings that differ from the defaults, and YAML for others; those of
    the last are the options of `fluke predict`.

    Args:
        preset: The name of the preset. The deployments are named by that of the model: two files of one name that have
            a `name:` each don't overwrite each other's deployments.
        config: The config of every run.
        cron: When the scheduled run starts, e.g. "0 2 * * *". A run is cancelled if the previous one still runs.
        timezone: Time zone of `cron`, e.g. "Europe/Berlin".
        preset_file: Absolute path of the preset's YAML file, if it has one.
        owner: A sentence that says who serves them; it is in the description of the scheduled one.
        skip_if_late: Whether a scheduled run is skipped that begins late, such as after a night in which the machine
            slept.

    Raises:
        UserError: The cron expression or the time zone is invalid.
    """
    name = re.sub("[/%&<>]", "_", model_name(config, preset))  # Prefect refuses these in names
    when = cron_schedule(cron, timezone)
    shown = config
    if with_memory(_without_memory(config), preset) == config:  # each run finds the same memory by its preset's name
        shown = _without_memory(config)
    fields = form.fields(shown)
    parameters: dict[str, Any] = {"preset_settings": fields, "settings": form.rest(shown), "preset": preset}
    if preset_file:
        parameters["preset_file"] = preset_file
    nightly = served_pipeline.to_deployment(
        f"{name}-nightly",
        description="\n\n".join(
            filter(None, ["The whole pipeline: searches for new photos, and rebuilds only what they change.", owner])
        ),
        parameters=parameters | {"fresh": ["crawl"], "scheduled": True, "skip_if_late": skip_if_late},
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
    ablation = served_ablation.to_deployment(
        f"{name}-ablate",
        description="Compares arms, which differ in some settings, on the same photos, split and seeds.",
        parameters={key: parameters[key] for key in ("preset_settings", "settings", "preset")},
        concurrency_limit=ONE_AT_A_TIME,
        tags=["fluke"],
    )
    # The declared types include coroutines, which to_deployment returns only inside a running event loop.
    pipelines = cast("list[RunnerDeployment]", [nightly, *stages, ablation])
    for deployment in pipelines:
        # Prefect makes the form from the flow's signature, which is the same for all presets.
        properties = deployment._parameter_openapi_schema.properties
        of_object = {name: properties["preset_settings"][name] for name in ("title", "description", "position")}
        properties["preset_settings"] = form.schema(fields) | of_object
    predict = predict_folder.to_deployment(
        f"{name}-predict",
        description="Predicts the classes of a folder's photos with the model that is used under this name.",
        parameters={"model": model_name(config, preset)},
        tags=["fluke"],
    )
    return [*pipelines, cast(RunnerDeployment, predict)]


def _without_memory(config: Config) -> Config:
    return config.model_copy(update={"filter": config.filter.model_copy(update={"memory": None})})
