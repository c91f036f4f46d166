"""The log of a run in the dashboard."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from uuid import UUID

from prefect.logging.handlers import APILogHandler, set_api_log_sink

from configs.redact import redact
from flows.dashboard import sender
from flows.dashboard.artifacts import flow_run_id
from tasks.text import show_controls


class _RunLogHandler(APILogHandler):
    """Sends log records to one flow run: its own, and those of worker threads, which know no flow run."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(logging.INFO)
        self._flow_run_id = run_id

    def emit(self, record: logging.LogRecord) -> None:
        current = flow_run_id()
        record = copy(record)  # the terminal's handler prints it, too
        record.msg, record.args = show_controls(redact(record.getMessage())), None
        if current is None:
            record.flow_run_id = str(self._flow_run_id)
        if current is None or self.sends(current):
            super().emit(record)

    def sends(self, run_id: UUID) -> bool:
        """Whether this handler sends the records of this flow run."""
        return run_id == self._flow_run_id


@contextmanager
def logs() -> Iterator[None]:
    """Send the records of fluke's loggers (`fluke.*`, INFO and above) to the current flow run.

    Prefect's own setting for this, PREFECT_LOGGING_EXTRA_LOGGERS, is read when Prefect is imported, which is too early
    for a worker that knows nothing of fluke. So the flow adds the handler itself.

    From here on, this process sends what Prefect logs with our sender, too: Prefect's own queue has no limits, writes
    errors into the terminal, and is waited for at the end of the process, which took minutes without a server.
    """
    set_api_log_sink(sender.put_line)
    run_id = flow_run_id()
    fluke = logging.getLogger("fluke")
    handlers = [each for each in fluke.handlers if isinstance(each, APILogHandler)]  # Prefect's own sends all records
    if run_id is None or any(not isinstance(each, _RunLogHandler) or each.sends(run_id) for each in handlers):
        yield
        return
    handler = _RunLogHandler(run_id)
    fluke.addHandler(handler)
    fluke.setLevel(logging.INFO)  # it stays: another run of this process may go on
    try:
        yield
    finally:
        fluke.removeHandler(handler)
