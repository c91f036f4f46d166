"""Rows of shards: read in the requested order; a shard that somebody has changed is reported as damaged."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.store.errors import DamagedFileError
from tasks.store.lazy_rows import LazyRows
from tasks.store.shards import Shard

SHARD = "pools/extract/k/s.npy"


def index_of(shard: str, *rows: int) -> pd.DataFrame:
    return pd.DataFrame({"photo": "a", "shard": shard, "row": list(rows), "digest": "d"})


def test_rows_are_read_in_any_order(tmp_path: Path) -> None:
    values = np.arange(100, dtype=np.int32).reshape(50, 2)
    shards = [
        Shard.write(tmp_path, [str(i) for i in range(at, at + 10)], values[at : at + 10]) for at in range(0, 50, 10)
    ]
    rows = LazyRows(pd.concat([index_of(shard.path.name, *range(10)) for shard in shards]), tmp_path)
    positions = np.random.default_rng(0).permutation(50)
    assert rows[positions].tolist() == values[positions].tolist()
    assert (len(rows), rows.shape, rows.dtype) == (50, (2,), np.int32)


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "data",
    [
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000, 2), }\n"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999999999, 2), }\n"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1, 2), }\n") + b"cos\nsystem\n(S'touch x'\ntR.",
        header("(" * 5000),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 2), }\n"),
        b"\x80\x04cos\nsystem\n.",
        b"",
    ],
)
def test_a_shard_that_is_no_array_is_damaged(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / SHARD
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match=r"s\.npy is damaged"):
        _ = LazyRows(index_of(SHARD, 0), tmp_path)[[0]]
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("row", [-1, 1, 10**9])
def test_a_row_that_the_shard_does_not_have_is_an_error(tmp_path: Path, row: int) -> None:
    shard = Shard.write(tmp_path / "pools", ["a"], np.zeros((1, 2)))
    with pytest.raises(DamagedFileError, match="no such rows"):
        _ = LazyRows(index_of(f"pools/{shard.path.name}", row), tmp_path)[[0]]
