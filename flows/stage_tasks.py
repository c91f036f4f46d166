"""The seven stages as Prefect tasks: their names in the dashboard, their retries and time limits.

Every task does the same: it calls the function that it receives, which takes the stage's artifact from the store or
builds it. The tasks differ only in the options of their decorators.

Prefect ends a task that exceeds its time limit with an exception. In the main thread (`fluke run`, `fluke serve` and
process workers run flows there) a signal raises it, which also interrupts waiting. In any other thread the exception
is raised only when the current blocking call has returned.
"""

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.task_engine import TaskRunTimeoutError

from configs.schema import (
    CrawlConfig,
    EvaluateConfig,
    ExtractConfig,
    FilterConfig,
    PreprocessConfig,
    PretrainConfig,
    StageName,
    TrainConfig,
    WorkersConfig,
)
from flows import error_messages
from flows.run_records import data_root
from tasks.store.errors import TransientError
from tasks.store.manifest import Artifact

Build = Callable[..., State[Artifact]]
"""`build(section, name=artifact ...)` returns the task's final state, which contains the stage's artifact."""

_HOUR_S = 3600
_DEFAULT_H = WorkersConfig().timeout_h
_NETWORK_DOWN = {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH}

logger = logging.getLogger("fluke.run")


def is_transient(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Tell Prefect whether to retry a failed task: only if the network, a server or a locked ledger is the reason."""
    error = state.data
    if not isinstance(error, Exception) or not _may_pass(error):
        return False
    message, _ = error_messages.explain(error, data_root())
    logger.warning("%s failed and will be tried again: %s", task.name, message)
    return True


def exceeded_time_limit(state: State[Any]) -> bool:
    """Whether Prefect ended a task at its time limit; any other TimeoutError also ends in a state named TimedOut."""
    return isinstance(state.data, TaskRunTimeoutError)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, TaskRunTimeoutError):
        return False
    if isinstance(error, TransientError | ConnectionError | TimeoutError | socket.gaierror):
        return True
    return isinstance(error, OSError) and error.errno in _NETWORK_DOWN


def _options(name: StageName) -> dict[str, Any]:
    """Return the options that all tasks share: their name, no cache of Prefect's own, and the default time limit."""
    return {
        "name": name,
        "task_run_name": name,
        "cache_policy": NO_CACHE,
        "persist_result": False,
        "timeout_seconds": getattr(_DEFAULT_H, name) * _HOUR_S,
    }


@task(
    **_options("crawl"),
    retries=2,
    retry_delay_seconds=[30, 120],
    retry_condition_fn=is_transient,
)
def crawl(build: Build, section: CrawlConfig) -> State[Artifact]:
    """Collect the photos."""
    return build(section)


@task(**_options("filter"))
def filter(build: Build, section: FilterConfig, **parents: Artifact) -> State[Artifact]:
    """Select the photos to keep, and split them into train, validation and test."""
    return build(section, **parents)


@task(**_options("preprocess"))
def preprocess(build: Build, section: PreprocessConfig, **parents: Artifact) -> State[Artifact]:
    """Turn photos into tiles."""
    return build(section, **parents)


@task(**_options("pretrain"))
def pretrain(build: Build, section: PretrainConfig, **parents: Artifact) -> State[Artifact]:
    """Train the encoder."""
    return build(section, **parents)


@task(**_options("extract"))
def extract(build: Build, section: ExtractConfig, **parents: Artifact) -> State[Artifact]:
    """Compute the features of the tiles."""
    return build(section, **parents)


@task(**_options("train"))
def train(build: Build, section: TrainConfig, **parents: Artifact) -> State[Artifact]:
    """Train the classifier."""
    return build(section, **parents)


@task(**_options("evaluate"))
def evaluate(build: Build, section: EvaluateConfig, **parents: Artifact) -> State[Artifact]:
    """Measure the classifier on the test photos, and write the report."""
    return build(section, **parents)


def of_stage(name: StageName, timeout_h: float) -> Callable[..., Any]:
    """Return a stage's task with a time limit in hours; 0: no limit."""
    tasks: dict[StageName, Task[..., Any]] = {
        "crawl": crawl,
        "filter": filter,
        "preprocess": preprocess,
        "pretrain": pretrain,
        "extract": extract,
        "train": train,
        "evaluate": evaluate,
    }
    return tasks[name].with_options(timeout_seconds=timeout_h * _HOUR_S)
