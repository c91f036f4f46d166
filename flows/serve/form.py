"""The pipeline as deployments start it: its parameters are a short form, with a field for each changed setting."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.context import FlowRunContext
from prefect.states import Cancelled, Failed

from configs import form
from configs.schema import StageName
from flows import error_messages
from flows.notify import run_messages
from flows.run import pipeline
from flows.run_records import RunRecord, data_root
from flows.serve.missed import is_late

logger = logging.getLogger("fluke.serve")


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
    preset_settings: dict[str, Any] | None = None,
    settings: str = "",
    preset: str = "custom",
    preset_file: str = "",
    scheduled: bool = False,
    skip_if_late: bool = False,
) -> Any:
    """Turn keywords or photos into an evaluated classifier; build only what the store doesn't contain.

    A mistake that the user can mend is the message of the failed run, on one line.

    Args:
        until: The last stage to run; earlier stages come from the store or are built.
        fresh: Stages to build again although the store contains them, e.g. crawl to search for new photos.
        verify: Compare stored files with their SHA-256 before reuse, not only their size.
        preset_settings: The settings that the preset changes.
        settings: Other settings as YAML, such as `train: {seed: 1}`; `fluke config PRESET` lists all.
        preset: The name of the preset; leave it as it is.
        preset_file: The YAML file of the preset, if it has one; leave it as it is.
        scheduled: Whether a schedule starts the run, so that nobody watches it.
        skip_if_late: Whether to skip a run that its schedule wanted more than 15 minutes ago.

    Returns:
        The record of the run, or the state of one that failed or was skipped.
    """
    if skip_if_late and (reason := _late()):
        logger.warning("this run is skipped: %s", reason)
        return Cancelled(message=f"skipped: {reason}")
    try:
        config = form.read(preset_settings or {}, settings)
        record: RunRecord = pipeline.fn(
            config, preset, until, fresh, verify, preset_file=preset_file, scheduled=scheduled
        )
    except Exception as error:
        message, code = error_messages.explain(error, data_root())
        if code == error_messages.INTERNAL_ERROR:
            raise
        return Failed(message="; ".join(message.splitlines()))
    return record


def _late() -> str:
    """Say by how much the schedule's time for the current flow run has passed; empty if it is on time, or by hand."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or not context.flow_run.auto_scheduled:
        return ""
    due, now = context.flow_run.expected_start_time, datetime.now(UTC)
    if due is None or not is_late(due, now):
        return ""
    hours, minutes = divmod(round((now - due) / timedelta(minutes=1)), 60)
    return f"it was due at {due:%Y-%m-%d %H:%M} UTC, {hours}:{minutes:02} h ago; the machine may have slept"
