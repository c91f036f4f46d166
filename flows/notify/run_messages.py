"""What people are told after a run: a failure, what the gate has decided, labels that wait for a review."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import ConfigError
from configs.load import checked, with_memory
from configs.schema import Config
from flows import error_messages, notify
from flows.models.ask import is_open
from flows.models.decision import Decision
from flows.run_records import RunRecord, data_root, read_records
from tasks.evaluate.to_review import doubted_photos, labels_text
from tasks.store.store import Store

if TYPE_CHECKING:
    from prefect import Flow, State
    from prefect.client.schemas.objects import FlowRun

logger = logging.getLogger("fluke.notify")
_INTERRUPTED = "Execution was aborted by an interrupt signal."
"""Prefect's message after Ctrl-C."""
_KILLED = "if nobody stopped it, the machine may have run out of memory or lost power"


def after(config: Config, record: RunRecord, root: Path) -> None:
    """Tell of labels that wait for a review, after a successful run; never fails."""
    try:
        _after(config, record, root)
    except Exception as error:  # such as a damaged file of an earlier run
        logger.warning("nobody was told of reviews: %s", error_messages.explain(error, root)[0])


def decided(config: Config, record: RunRecord, decision: Decision) -> None:
    """Tell what the gate has decided about a run's model: promoted, refused, or that it waits for a person."""
    reason = [decision.reason] if decision.reason else []
    if decision.outcome == "promoted":
        notify.tell(config, "promoted", f"{record.preset}: a new model is used, that of run {record.id}", reason)
    elif decision.outcome == "refused":
        notify.tell(config, "refused", f"{record.preset}: the new model is refused, that of run {record.id}", reason)
    elif is_open(decision, config.promote):
        reason.append(f"The dashboard asks promote, keep or review, for {config.promote.wait_h:g} h.")
        notify.tell(config, "waiting", f"{record.preset}: a new model waits for your decision", reason)


def _after(config: Config, record: RunRecord, root: Path) -> None:
    folders = {each.artifact.stage: Store(root).folder(each.artifact) for each in record.stages}
    if evaluation := folders.get("evaluate"):
        before = set(_doubted_before(record, root))
        if new := [photo for photo in doubted_photos(evaluation) if photo not in before]:
            lines = [f"{labels_text(len(new))} may be wrong, and the last run did not list them."]
            lines.append(f"To see them: fluke review {record.preset_file or record.preset}")
            notify.tell(config, "waiting", f"{record.preset}: labels wait for a review", lines)


def _doubted_before(record: RunRecord, root: Path) -> Sequence[str]:
    """Return the photos whose labels the last complete run of the same preset doubted, as far as they are stored."""
    for run in read_records(root):
        if run.is_good and run.id != record.id and run.preset_key == record.preset_key:
            folder = Store(root).folder(run.stages[-1].artifact)
            return doubted_photos(folder)
    return ()


def tell_failure(flow: "Flow[..., Any]", flow_run: "FlowRun", state: "State[Any]") -> None:
    """Tell that a run failed or crashed; a hook of Prefect, which calls it also if the run's process was killed."""
    message = state.message or ""
    if message == _INTERRUPTED:
        return
    if isinstance(error := getattr(state, "data", None), BaseException):
        message = error_messages.explain(error, data_root())[0]
    elif state.is_crashed():
        message = f"{message.partition('. ')[0].rstrip('.')}: {_KILLED}"
    config = _config_of(flow_run.parameters)
    preset = str(flow_run.parameters.get("preset", "")) or flow.name
    with notify.delivery():
        notify.tell(
            config, "failed", f"{preset}: the run {'was killed' if state.is_crashed() else 'failed'}", [message]
        )


def _config_of(parameters: dict[str, Any]) -> Config:
    """Read the settings from the parameters of a flow run; if they are invalid, only who is told."""
    from configs import form

    preset, given = str(parameters.get("preset", "")) or "fluke", parameters.get("config")
    if not isinstance(given, dict):
        try:
            given = form.merged(parameters.get("preset_settings") or {}, str(parameters.get("settings", "")))
        except ConfigError:
            given = {}
    for settings in (given, {"notify": given.get("notify")}):
        with suppress(ConfigError):
            return with_memory(checked(settings), preset)
    return with_memory(Config(), preset)
