"""Transactions of Prefect's server on SQLite: each waits for its turn when it begins, so none is refused later.

Prefect begins most of them with `BEGIN DEFERRED`. One that reads first, such as that which creates a flow run, fails
with "database is locked" when it writes while another one writes: at once, since SQLite's time-out does not apply then.
The client gets status 503, and tries again after 2, 4, 8, 16 and 32 s. `BEGIN IMMEDIATE`, which Prefect itself has for
some transactions, waits: up to 60 s, and most often some milliseconds.
"""

from contextlib import AbstractAsyncContextManager

from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

_begin = AioSqliteConfiguration.begin_transaction


def begin_immediately() -> None:
    """Let each transaction of this process on SQLite begin with `BEGIN IMMEDIATE`."""
    AioSqliteConfiguration.begin_transaction = _begin_immediate  # type: ignore[method-assign, assignment]


def _begin_immediate(
    self: AioSqliteConfiguration,
    session: AsyncSession,
    with_for_update: bool = False,
) -> AbstractAsyncContextManager[AsyncSessionTransaction]:
    return _begin(self, session, with_for_update=True)
