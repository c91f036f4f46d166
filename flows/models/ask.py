"""Ask a person in the dashboard whether a model is used, when the gate can't tell (`promote.undecided: ask`).

The decision "undecided" is in the registry before anybody is asked, and the run is saved as done. So nothing is lost if
the run is stopped while it waits: the champion stays, and `fluke promote RUN` is still possible.
"""

import logging
import threading
import time
from contextlib import suppress
from contextvars import copy_context
from typing import Literal
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.flow_runs import pause_flow_run, resume_flow_run
from prefect.input import RunInput, keyset_from_base_key
from prefect.input.actions import read_flow_run_input
from prefect.settings import PREFECT_API_URL
from pydantic import Field

from configs.schema import PromoteConfig
from flows.models.decision import Decision
from flows.models.registry import Registry
from flows.run_records import RunRecord
from tasks.store.manifest import now
from tasks.store.store import Store
from tasks.text import markdown

logger = logging.getLogger("fluke.gate")

_HOUR_S = 3600
_POLL_S = 10
_PAUSE_KEY = "promote"
_LAST_CHANCE_S = 60
"""A server that was away at the deadline is asked for so much longer."""


class Answer(RunInput):
    """What a person answers in the dashboard's form."""

    decision: Literal["keep", "promote", "review"] = Field(
        "keep",
        description="keep: the champion stays. promote: the new model is used. review: the champion stays, and you "
        "look at photos with `fluke review` first.",
    )


def is_open(decision: Decision, settings: PromoteConfig) -> bool:
    """Whether a person is to be asked about a decision of the gate."""
    return decision.outcome == "undecided" and settings.undecided == "ask"


def ask(store: Store, record: RunRecord, decision: Decision, settings: PromoteConfig, *, poll_s: int = _POLL_S) -> None:
    """Wait for a person, and write the answer to the registry and into the record, which is saved.

    Without a dashboard, and after `promote.wait_h`, the champion stays.

    Args:
        store: The store.
        record: The record of the run, which is done.
        decision: The gate's decision about it, "undecided".
        settings: The section `promote`.
        poll_s: Seconds between two looks at the dashboard.
    """
    registry = Registry(store.root, record.model_name)
    if FlowRunContext.get() is None or not PREFECT_API_URL.value():
        logger.warning("%s: there is no dashboard to ask a person in, so the champion stays", registry.name)
        return
    logger.warning(
        "%s is undecided: %s; the run waits up to %g h for a person: press Resume in the dashboard. Or stop the run: "
        "the champion stays then, and `fluke promote %s` uses the new model",
        registry.name,
        decision.reason,
        settings.wait_h,
        record.id,
    )
    answer = _answer(registry.name, decision, settings.wait_h * _HOUR_S, poll_s)
    if answer is None:
        return
    outcome, reason = "kept", f"a person kept the champion; the gate was undecided: {decision.reason}"
    if answer == "promote":
        outcome, reason = "promoted", f"a person promoted it; the gate was undecided: {decision.reason}"
    elif answer == "review":
        reason = f"a person wants to review photos first: `fluke review {record.preset}`"
    changes = {"outcome": outcome, "reason": reason, "by": "person", "made_at": now()}
    changed = registry.append(decision.model_copy(update=changes))
    record.decision, record.reason = changed.outcome, changed.reason
    record.save(store.root)


def _answer(name: str, decision: Decision, wait_s: float, poll_s: int) -> Literal["keep", "promote", "review"] | None:
    """Pause the flow run until a person answers; None: nobody did in time, or the dashboard can't be reached.

    Prefect fails a run whose pause has timed out. So its own limit is longer, and at ours, the run is resumed here.
    """
    context = FlowRunContext.get()
    flow_run = context.flow_run if context else None
    expired, ended = threading.Event(), threading.Event()

    def give_up() -> None:
        expired.set()
        while flow_run and not ended.is_set():
            with suppress(Exception):  # the run isn't paused yet, or the server doesn't answer
                resume_flow_run(flow_run.id, run_input={"decision": "keep"})
                return
            ended.wait(poll_s)

    timer = threading.Timer(wait_s, copy_context().run, (give_up,))  # Prefect's settings are in the context
    timer.daemon = True
    timer.start()
    give_up_at = time.monotonic() + wait_s + _LAST_CHANCE_S
    form = Answer.with_initial_data(description=f"**{markdown(name)}** is undecided: {markdown(decision.reason)}")
    answer: Answer | None
    try:
        try:
            answer = pause_flow_run(
                wait_for_input=form, timeout=int(wait_s) + _HOUR_S, poll_interval=poll_s, key=_PAUSE_KEY
            )
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if flow_run is None:
                raise
            logger.warning("%s: the Prefect server does not answer; the run waits on for a person: %s", name, error)
            answer = _resumed(flow_run.id, give_up_at, poll_s)
    except Exception as error:  # whatever is wrong with the dashboard, the run itself is done
        logger.warning("%s: nobody can be asked in the dashboard (%s), so the champion stays", name, error)
        return None
    finally:
        timer.cancel()
        ended.set()
    if expired.is_set() or answer is None:
        logger.warning("%s: nobody has answered in time, so the champion stays", name)
        return None
    return answer.decision


def _resumed(flow_run_id: UUID, give_up_at: float, poll_s: int) -> Answer | None:
    """Wait on for a run that was paused before its server was away, until the monotonic time `give_up_at`.

    Returns:
        The answer; None: nobody did, or the run is no longer paused, such as when it was cancelled.
    """
    key = keyset_from_base_key(f"paused-{_PAUSE_KEY}")["response"]
    while time.monotonic() < give_up_at:
        with suppress(httpx.TransportError, httpx.HTTPStatusError), get_client(sync_client=True) as client:
            state = client.read_flow_run(flow_run_id).state
            if state is None or not state.is_paused():
                given = read_flow_run_input(key, flow_run_id=flow_run_id)
                return Answer.model_validate(given) if given else None
        time.sleep(poll_s)
    return None
