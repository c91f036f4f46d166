"""A stand-in for a data folder's Prefect server, and a database of Prefect without a server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.server.database import PrefectDBInterface
from sqlalchemy.schema import CreateIndex, CreateTable

from tests.helpers.server_stand_in import StandIn


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    """A process that looks and answers like the server of the data folder `tmp_path`."""
    made = StandIn(tmp_path)
    yield made
    made.end()


@pytest.fixture
def prefect_database(tmp_path: Path) -> Iterator[PrefectDBInterface]:
    """An empty SQLite database with Prefect's tables, made without the migrations, which take seconds."""
    from prefect.server.database import provide_database_interface
    from prefect.server.database.configurations import AioSqliteConfiguration
    from prefect.server.database.dependencies import temporary_database_config

    with temporary_database_config(AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")):
        database = provide_database_interface()

        async def make() -> None:
            async with (await database.engine()).begin() as connection:
                for table in database.Base.metadata.sorted_tables:
                    await connection.execute(CreateTable(table))
                    for index in {index.name: index for index in table.indexes}.values():  # Prefect defines one twice
                        await connection.execute(CreateIndex(index))

        asyncio.run(make())
        yield database
