"""The pipeline as a Prefect flow, one Prefect task per stage."""

import logging
import time
from contextvars import ContextVar
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from configs.schema import Config, Section, StageName
from flows import dashboard, preflight
from flows.pipeline import stages
from flows.run_records import RunRecord, data_root
from tasks.store.context import executor
from tasks.store.manifest import Artifact
from tasks.store.progress import Progress, silent, tee
from tasks.store.stage import Run, Stage
from tasks.store.store import Store

watcher: ContextVar[Progress] = ContextVar("watcher", default=silent)
"""Who else is shown the progress of a run, besides the dashboard: the terminal sets it."""

logger = logging.getLogger("fluke.run")


@flow(flow_run_name="{preset}: {until}", persist_result=False)
def pipeline(
    config: Config,
    preset: str = "custom",
    until: StageName = "evaluate",
    fresh: list[StageName] | None = None,
    verify: bool = False,
) -> RunRecord:
    """Turn keywords or photos into an evaluated classifier, making only what the store doesn't hold.

    Args:
        config: Every setting, a section for each stage.
        preset: The name that the run goes by.
        until: The last stage to run; those above it come from the store or are made.
        fresh: Stages to make again even if the store has them, e.g. crawl to look for new photos.
        verify: Read every stored file and compare it with its SHA-256, not only its size, before it is reused.

    Returns the record of the run, which is also in DATA/runs.
    """
    root = data_root()
    preflight.check_names(config)
    preflight.check_stage(config, until)
    preflight.check_writable(root)
    store = Store(root)
    record = RunRecord.begin(preset, until, config)
    with (
        preflight.in_use(root),
        record.under_way(root),
        preflight.ctrl_c() as interrupted,
        executor(config.workers.threads) as pool,
    ):
        progress = tee(dashboard.progress, watcher.get())
        run = Run(store, pool, fresh=frozenset(fresh or ()), verify=verify, progress=progress)
        record.save(root)
        try:
            for artifact in stages(config, _GetOrBuild(run, record)):
                if artifact.stage == until:
                    break
        except Exception as error:
            if interrupted.is_set():
                record.end("interrupted")
                raise KeyboardInterrupt from error
            record.end("failed", preflight.explain(error, root)[0])
            raise
        except BaseException:
            record.end("interrupted")
            raise
        else:
            record.end("done")
        finally:
            record.save(root)
    return record


class _GetOrBuild:
    """Obtains each stage's artifact as a Prefect task and notes the outcome in the run's record."""

    def __init__(self, run: Run, record: RunRecord) -> None:
        self._run = run
        self._record = record

    def __call__(self, stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        @task(name=stage.name, task_run_name=stage.name, cache_policy=NO_CACHE, persist_result=False)
        def work(section: Section, **parents: Artifact) -> Any:
            began = time.monotonic()
            outcome = self._run.get_or_build(stage, section, **parents)
            self._record.add(outcome, time.monotonic() - began)
            self._record.save(self._run.store.root)
            dashboard.show(outcome, self._run.store)
            if outcome.cached:
                return Completed(name="Cached", message=outcome.why, data=outcome.artifact)
            return Completed(message="built", data=outcome.artifact)

        # A direct call would return the State itself; the states' order gives the dashboard its arrows.
        state: State[Artifact] = work(section, **parents, return_state=True)
        return state.result()
