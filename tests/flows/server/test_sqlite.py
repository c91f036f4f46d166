"""Transactions on SQLite wait for each other, also those that read before they write."""

import asyncio

import pytest
import sqlalchemy as sa
from prefect.server.database import PrefectDBInterface
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.exc import OperationalError

from flows.server import sqlite


async def write_while_another_writes(database: PrefectDBInterface) -> list[str]:
    """Begin two transactions that read and then write; the first commits when the second waits, or has failed."""
    done = []
    begun = asyncio.Event()

    async def write(name: str) -> None:
        async with database.session_context(begin_transaction=True) as session:
            await session.scalar(sa.select(sa.func.count()).select_from(database.Flow))
            await session.execute(sa.insert(database.Flow).values(name=name))
            begun.set()
            if name == "first":
                await asyncio.sleep(0.3)
            done.append(name)

    async def second() -> None:
        await begun.wait()
        await write("second")

    await asyncio.gather(write("first"), second())
    return done


def test_one_that_reads_first_waits_for_the_one_that_writes(
    prefect_database: PrefectDBInterface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AioSqliteConfiguration, "begin_transaction", sqlite._begin)
    with pytest.raises(OperationalError, match="database is locked"):  # so this is still needed
        asyncio.run(write_while_another_writes(prefect_database))
    sqlite.begin_immediately()
    assert asyncio.run(write_while_another_writes(prefect_database)) == ["first", "second"]
