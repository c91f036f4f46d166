"""An ablation as a Prefect flow: its trainings are mapped task runs, one at a time."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from filelock import Timeout
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Failed
from prefect.utilities.annotations import unmapped

from configs import form
from configs.schema import Config
from flows import credentials, error_messages, log_rotation, preflight
from flows.ablate import comparison, plan, report
from flows.ablate.journal import Journal, folder
from flows.ablate.one_at_a_time import OneAtATime
from flows.ablate.plan import Size
from flows.ablate.report import Ablation
from flows.ablate.trainings import Announce, Trainings
from flows.dashboard import artifacts, run_page, stages
from flows.dashboard.engine import attached
from flows.run import GetOrBuild, extra_progress
from flows.run_records import data_root
from tasks.store.bucket import copies
from tasks.store.context import executor
from tasks.store.errors import UserError
from tasks.store.permissions import file_lock
from tasks.store.progress import tee
from tasks.store.stage import Run
from tasks.store.store import Store
from tasks.store.work import workers_of

logger = logging.getLogger("fluke.ablate")

announce: ContextVar[Announce] = ContextVar("announce", default=logger.info)
"""Says how far an ablation is; the command line sets it."""


@task(name="arm", task_run_name="{title}", cache_policy=NO_CACHE, persist_result=False)
def arm(title: str, train: Callable[[str], State[Any]]) -> State[Any]:
    """Train and evaluate an arm with one seed; what the store contains isn't computed again."""
    return train(title)


@flow(name="ablate", flow_run_name="ablate: {preset}", persist_result=False, task_runner=OneAtATime())
def ablate(
    config: Config,
    preset: str = "custom",
    arms: Sequence[str] = (),
    *,
    seeds: int = plan.FEW_SEEDS,
    sizes: Sequence[Size] = ("all",),
    minutes: float | None = None,
) -> Ablation:
    """Compare arms, which differ in some settings, on the same photos, split and seeds.

    Args:
        config: The settings of the first arm.
        preset: Its name.
        arms: The other arms, see `flows.ablate.arms.read`; none: those that show whether the autoencoder helps.
        seeds: How often each arm is trained.
        sizes: Numbers of train photos of each class, for a learning curve.
        minutes: The budget of each training that chooses its recipe; None: as the settings say.

    Raises:
        UserError: An arm is invalid, or the first one failed.
    """
    root = data_root()
    asked = plan.make(preset, config, arms, seeds=seeds, sizes=sizes, minutes=minutes)
    config = asked.first.config
    credentials.from_secret_blocks(config.crawl)
    preflight.check(config, root)
    copies.refresh(root, cache_gb=config.store.cache_gb)
    log_rotation.rotate(root)
    with (
        _only_one(root, asked.id),
        attached(),
        artifacts.named(f"{preset}-ablation"),
        preflight.in_use(root),
        preflight.ctrl_c() as interrupted,
        executor(config.workers.threads) as threads,
        workers_of(config.workers, root, threads, show=run_page.show_cluster) as workers,
    ):
        for note in asked.notes:
            logger.warning("%s", note)
        journal = Journal.read(root, asked.id)
        journal.finished = False
        run = Run(Store(root), threads, workers=workers, progress=tee(stages.progress, extra_progress.get()))
        get_or_build = GetOrBuild(run, journal, config.workers, interrupted)
        trainings = Trainings(asked, run.store, journal, get_or_build, announce.get())
        trainings.prepare()
        _train_all(trainings)
        if why := trainings.failed.get(asked.first.name):
            raise UserError(f"the first arm failed, so there is nothing to compare with: {why}")
        metric, rows = comparison.compare(asked, trainings.done)
        found = Ablation(asked, metric, rows, trainings.failed, trainings.held_out(), folder(root, asked.id))
        report.write(found, trainings.done)
        journal.finished = not trainings.failed
        journal.save(root)
        artifacts.page("result", report.summary(found))
        logger.info("report: %s", found.report)
    return found


@contextmanager
def _only_one(root: Path, id_: str) -> Iterator[None]:
    """Lock an ablation; the kernel releases the lock when the process ends, also after kill -9.

    Raises:
        UserError: It is running already.
    """
    lock = file_lock(root / "locks" / f"ablation-{id_}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"the ablation {id_} is running already; wait until it has ended") from error
    try:
        yield
    finally:
        lock.release()


def _train_all(trainings: Trainings) -> None:
    """Train all arms, each as a task run; an arm that fails doesn't stop the others."""
    if FlowRunContext.get():
        arm.map(trainings.titles, unmapped(trainings.train)).wait()
        return
    for title in trainings.titles:  # the server has failed before the flow began, see `engine.call`
        arm(title, trainings.train, return_state=True)


@flow(name="ablate", flow_run_name="ablate: {preset}", persist_result=False, task_runner=OneAtATime())
def served_ablation(
    *,
    arms: list[str] | None = None,
    seeds: int = plan.FEW_SEEDS,
    photos_per_class: str = "all",
    minutes: float | None = None,
    preset_settings: dict[str, Any] | None = None,
    settings: str = "",
    preset: str = "custom",
) -> Any:
    """Compare arms, which differ in some settings, on the same photos, split and seeds: `fluke ablate`.

    A mistake that the user can mend is the message of the failed run, on one line.

    Args:
        arms: `NAME: setting=value setting=value` each; none: those that show whether the autoencoder helps.
        seeds: How often each arm is trained.
        photos_per_class: Numbers of train photos of each class, for a learning curve, such as `20 60 all`.
        minutes: The budget of each training that chooses its recipe; empty: as the settings say.
        preset_settings: The settings that the preset changes.
        settings: Other settings as YAML, such as `train: {epochs: 5}`; `fluke config PRESET` lists all.
        preset: The name of the preset; leave it as it is.

    Returns:
        The folder of the report, or the failed state.
    """
    try:
        config = form.read(preset_settings or {}, settings)
        sizes = plan.read_sizes([photos_per_class]) or ["all"]
        found: Ablation = ablate.fn(config, preset, arms or (), seeds=seeds, sizes=sizes, minutes=minutes)
    except Exception as error:
        message, code = error_messages.explain(error, data_root())
        if code == error_messages.INTERNAL_ERROR:
            raise
        return Failed(message="; ".join(message.splitlines()))
    return str(found.folder)
