"""The pipeline as deployments start it: its parameters are a short form, with a preset's settings as YAML."""

from typing import Any

from prefect import flow
from prefect.states import Failed

from configs.load import ConfigError, from_text
from configs.schema import StageName
from flows.notify import run_messages
from flows.run import pipeline
from flows.run_records import RunRecord
from tasks.store.errors import UserError


@flow(
    name="pipeline",
    flow_run_name="{preset}: {until}",
    persist_result=False,
    on_failure=[run_messages.tell_failure],
    on_crashed=[run_messages.tell_failure],
)
def served_pipeline(
    *,
    until: StageName = "evaluate",
    fresh: list[StageName] | None = None,
    verify: bool = False,
    settings: str = "",
    preset: str = "custom",
    preset_file: str = "",
    scheduled: bool = False,
) -> Any:
    """Turn keywords or photos into an evaluated classifier; build only what the store doesn't contain.

    A mistake in the parameters is the message of the failed run, on one line.

    Args:
        until: The last stage to run; earlier stages come from the store or are built.
        fresh: Stages to build again although the store contains them, e.g. crawl to search for new photos.
        verify: Compare stored files with their SHA-256 before reuse, not only their size.
        settings: The settings that differ from the defaults, as YAML; `fluke config PRESET` lists all.
        preset: The name of the preset; leave it as it is.
        preset_file: The YAML file of the preset, if it has one; leave it as it is.
        scheduled: Whether a schedule starts the run, so that nobody watches it.

    Returns:
        The record of the run, or the failed state.
    """
    try:
        record: RunRecord = pipeline.fn(
            from_text(settings), preset, until, fresh, verify, preset_file=preset_file, scheduled=scheduled
        )
    except (ConfigError, UserError) as error:
        return Failed(message=str(error))
    return record
