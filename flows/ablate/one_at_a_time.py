"""A task runner that runs each mapped task at once, in the thread that maps them: one after the other.

Prefect's own run tasks in other threads. There, Ctrl-C and time limits can't interrupt a training, and two arms would
share the device, so that their seconds couldn't be compared.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, Self, cast

from prefect import Task
from prefect._internal.uuid7 import uuid7
from prefect.client.schemas.objects import RunInput, State
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.task_engine import run_task_sync
from prefect.task_runners import TaskRunner


class OneAtATime(TaskRunner[PrefectFuture[Any]]):
    """Runs tasks one after the other."""

    def __init__(self) -> None:
        """Make one that isn't started yet."""
        super().__init__()  # type: ignore[no-untyped-call]

    def duplicate(self) -> Self:
        """Return another one."""
        return type(self)()

    def submit(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> PrefectFuture[Any]:
        """Run a task, and return its final state as a future."""
        run_id = uuid7()
        state = run_task_sync(
            task=task,
            task_run_id=run_id,
            parameters=parameters,
            wait_for=wait_for,
            return_type="state",
            dependencies=dependencies,
        )
        done: Future[State[Any]] = Future()
        done.set_result(cast("State[Any]", state))
        return PrefectConcurrentFuture(task_run_id=run_id, wrapped_future=done)
