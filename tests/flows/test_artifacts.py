"""The files of a real run are those of the catalog, with exactly its columns and types."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks import tables
from tasks.store.table import Table
from tests.helpers.pipeline import Fluke

pytestmark = pytest.mark.slow

OUTSIDE = {"manifest.json", tables.evaluate.FIGURES.name, "tensorboard"}


def test_a_run_writes_the_files_of_the_catalog(finished: Fluke) -> None:
    known = {(stage, file.name) for file in tables.files() for stage in file.stages}
    written = {
        (path.parts[-3], path.name) for path in finished.data.glob("artifacts/*/*/*") if path.name not in OUTSIDE
    }
    assert written <= known
    others = (tables.crawl.TIMES, tables.crawl.SEARCHES, tables.crawl.DROPPED, tables.shared.SUMMARY)
    needs_another_source = {("crawl", file.name) for file in others}
    needs_other_settings = {
        ("evaluate", file.name)
        for file in (
            tables.evaluate.REFERENCES,
            tables.evaluate.LAYERS,
            tables.evaluate.FIGURES,
            tables.evaluate.REMOVED_PREDICTIONS,
            tables.evaluate.UNKNOWN_GROUPS,
            tables.evaluate.PREDICTION_SETS,  # it needs more validation photos
        )
    }
    assert known - written == needs_another_source | needs_other_settings


def test_tables_of_a_run_have_the_columns_and_types_of_the_catalog(finished: Fluke) -> None:
    checked = 0
    for table in tables.files():
        if isinstance(table, Table):
            for path in finished.data.glob(f"artifacts/*/*/{table.name}"):
                check(table, path)
                checked += 1
    assert checked >= 8


def check(table: Table, path: Path) -> None:
    schema = pq.read_schema(path)
    assert schema.names == table.names, path
    if not pq.read_metadata(path).num_rows:
        return  # pandas can't know the types of columns without values
    for column in table.columns:
        found = schema.field(column.name).type
        is_all_missing = pa.types.is_null(found) and column.nullable
        assert is_all_missing or dtype(found) == dtype(column.arrow_type), (path, column.name, found)


def dtype(found: pa.DataType) -> str:
    """The name of a type; pandas writes large strings, and Parquet has no timestamps in seconds."""
    if pa.types.is_timestamp(found):
        return f"timestamp {found.tz}"
    return str(found).replace("large_", "").replace("item", "element")
