"""The pipeline as a Prefect flow: one task per stage, and a record of the run."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from threading import Event
from typing import Protocol

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from configs import no_effect
from configs.given import changed_settings
from configs.load import with_memory
from configs.redact import redact, redact_exception
from configs.schema import Config, Section, StageName, WorkersConfig
from flows import credentials, error_messages, gpu_limit, log_rotation, notify, preflight, stage_tasks
from flows.console import counts_text
from flows.dashboard import run_page
from flows.dashboard import stages as shown_stages
from flows.dashboard.artifacts import named
from flows.dashboard.engine import attached, deployment_name
from flows.models import decision_text
from flows.models.ask import ask, is_open
from flows.models.decide import decide
from flows.models.decision import Decision
from flows.models.find import champion_evaluation
from flows.nights.checks import Checks
from flows.notify import run_messages
from flows.pipeline import stages
from flows.run_records import RunRecord, data_root
from tasks.evaluate.findings import RUN
from tasks.evaluate.report.decision import show_decision
from tasks.store import counter
from tasks.store.bucket import copies
from tasks.store.context import executor
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact
from tasks.store.progress import Progress, silent, tee
from tasks.store.stage import Outcome, Run, Stage
from tasks.store.store import Store
from tasks.store.work import workers_of

extra_progress: ContextVar[Progress] = ContextVar("extra_progress", default=silent)
"""Shows the progress of a run in addition to the dashboard; the command line sets its progress bars."""

given_settings: ContextVar[Sequence[str] | None] = ContextVar("given_settings", default=None)
"""The settings that the user gave; None: those that differ from the preset's. The command line sets it."""

said_before: ContextVar[Sequence[str]] = ContextVar("said_before", default=())
"""Notes about the user's settings that were shown before the run started; they belong in its report, too."""

logger = logging.getLogger("fluke.run")
stages_logger = logging.getLogger("fluke.stages")


@flow(
    flow_run_name="{preset}: {until}",
    persist_result=False,
    on_failure=[run_messages.tell_failure],
    on_crashed=[run_messages.tell_failure],
)
def pipeline(
    config: Config,
    preset: str = "custom",
    until: StageName = "evaluate",
    fresh: list[StageName] | None = None,
    verify: bool = False,
    *,
    preset_file: str = "",
    scheduled: bool = False,
) -> RunRecord:
    """Turn keywords or photos into an evaluated classifier; build only what the store doesn't contain.

    Args:
        config: Every setting, one section for each stage.
        preset: The name of the run in the dashboard and in its record.
        until: The last stage to run; earlier stages come from the store or are built.
        fresh: Stages to build again although the store contains them, e.g. crawl to search for new photos.
        verify: Compare stored files with their SHA-256 before reuse, not only their size.
        preset_file: Absolute path of the preset's YAML file, if it has one: it tells presets of one name apart.
        scheduled: Whether a schedule started the run, so that nobody watches it.

    Returns:
        The record of the run, which is also in DATA/runs.
    """
    root = data_root()
    config = with_memory(config, preset)
    credentials.from_secret_blocks(config.crawl)
    preflight.check(config, root)
    copies.refresh(root, cache_gb=config.store.cache_gb)
    log_rotation.rotate(root)
    decision: Decision | None = None
    record = RunRecord.start(
        preset, until, config, number=counter.next_number(root, everywhere=True), preset_file=preset_file
    )
    with (
        attached(),
        named(record.model_name),
        notify.delivery(),
        preflight.in_use(root),
        record.lock(root),
        preflight.ctrl_c() as interrupted,
        executor(config.workers.threads) as threads,
        workers_of(config.workers, root, threads, show=run_page.show_cluster) as workers,
    ):
        progress = tee(shown_stages.progress, extra_progress.get())
        record.deployment = deployment_name()
        record.notes = [redact(note) for note in _notes(config, preset)]
        run = Run(
            Store(root),
            threads,
            workers=workers,
            fresh=frozenset(fresh or ()),
            verify=verify,
            progress=progress,
            notes=tuple(record.notes),
            champion=champion_evaluation(root, record.model_name),
            findings={RUN: [record.model_name, Path(preset).stem]},
        )
        record.save(root)
        run_page.begun(record)
        checks = Checks(run, config, record, scheduled=scheduled)
        try:
            for artifact in stages(config, GetOrBuild(run, record, config.workers, interrupted)):
                checks.after(artifact)
                if artifact.stage == "evaluate":
                    decision = decide(run.store, record, config, threads=threads, progress=progress)
                    _show_in_report(record, run.store)
                if artifact.stage == until:
                    break
        except Exception as error:
            if interrupted.is_set():
                record.end("interrupted")
                raise KeyboardInterrupt from error
            redact_exception(error)  # Prefect logs it
            record.end("failed", error_messages.explain(error, root)[0])
            raise
        except BaseException:
            record.end("interrupted")
            raise
        else:
            record.end("done")
            run_messages.after(config, record, root)
            if decision:
                run_messages.decided(config, record, decision)
        finally:
            with _not_instead_of(sys.exception()):
                record.save(root)
            run_page.ended(record, run.store)
    if decision and is_open(decision, config.promote):
        ask(run.store, record, decision, config.promote)
        copies.sync(root)
        _show_in_report(record, run.store)
        run_page.ended(record, run.store)
    return record


def _show_in_report(record: RunRecord, store: Store) -> None:
    """Write what was decided about a run's model into the heading of its report."""
    if decided := decision_text.badge(record):
        show_decision(store.folder(record.stages[-1].artifact), decided)


@contextmanager
def _not_instead_of(failure: BaseException | None) -> Iterator[None]:
    """Log that a record can't be written if the run has failed already: on a full disk, that failure says more."""
    try:
        yield
    except OSError as error:
        if failure is None:
            raise
        logger.warning("the record of this run can't be written: %s", error)


def _notes(config: Config, preset: str) -> Iterator[str]:
    """Say which of the user's settings change nothing, or may be meant otherwise."""
    yield from said_before.get()
    given = given_settings.get()
    for note in no_effect.notes(config, changed_settings(preset, config) if given is None else given):
        logger.warning("%s", note)
        yield note


class Outcomes(Protocol):
    """Where the outcomes of stages are written down, such as the record of a run."""

    def add(self, outcome: Outcome, seconds: float) -> None:
        """Add the outcome of a stage, and the seconds that it took in this run."""

    def save(self, root: Path) -> None:
        """Write them below the data folder."""


class GetOrBuild:
    """Runs each stage as its Prefect task, and writes down the outcome."""

    def __init__(self, run: Run, record: Outcomes, workers: WorkersConfig, interrupted: Event) -> None:
        self._run = run
        self._record = record
        self._timeouts_h = workers.timeout_h
        self._interrupted = interrupted

    def __call__(self, stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        """Get the artifact of a stage, see `Run.get_or_build`.

        Raises:
            UserError: The stage exceeded its time limit.
            KeyboardInterrupt: Ctrl-C was pressed while it ran; what it has made is kept.
        """
        timeout_h: float = getattr(self._timeouts_h, stage.name)
        task = stage_tasks.of_stage(stage.name, timeout_h)
        # With return_state, the call returns the task's state. Its result() returns the artifact that Prefect has
        # linked to the task, so that the dashboard draws the arrows between the stages.
        state: State[Artifact] = task(
            partial(self._build, gpu_limit.taking_turns(stage)), section, **parents, return_state=True
        )
        if stage_tasks.exceeded_time_limit(state):
            raise UserError(
                f"{stage.name} exceeded its time limit of {timeout_h:g} h; run the same command again to continue, "
                f"or raise workers.timeout_h.{stage.name} (0: no limit)"
            )
        artifact: Artifact = state.result()
        if self._interrupted.is_set():  # a library may lose KeyboardInterrupt: seen once in 170 times
            raise KeyboardInterrupt
        return artifact

    def _build(self, stage: Stage, section: Section, **parents: Artifact) -> State[Artifact]:
        start = time.monotonic()
        try:
            outcome = self._run.get_or_build(stage, section, **parents)
        except Exception as error:
            if self._interrupted.is_set():  # else the crawl would be tried again after Ctrl-C
                raise KeyboardInterrupt from error
            redact_exception(error)
            raise
        seconds = time.monotonic() - start
        counts = counts_text(outcome.manifest.counts)
        stages_logger.info("%s %s in %.1f s: %s", stage.name, "cached" if outcome.cached else "built", seconds, counts)
        self._record.add(outcome, seconds)
        self._record.save(self._run.store.root)
        shown_stages.show(outcome, self._run.store)
        if outcome.cached:
            return Completed(name="Cached", message=outcome.why, data=outcome.artifact)
        return Completed(message="built", data=outcome.artifact)
