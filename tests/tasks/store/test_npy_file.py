"""Files of rows: the same bytes as NumPy's, and no silent loss when rows or the disk fail."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tasks.store import npy_file
from tasks.store.atomic import temporary_path
from tasks.store.manifest import FileRecord
from tasks.store.npy_file import write_rows

ARRAYS: dict[str, np.ndarray] = {
    "tiles": np.arange(2 * 5 * 4 * 3, dtype=np.uint8).reshape(2, 5, 4, 3),
    "features": np.linspace(-1, 1, 12, dtype=np.float16).reshape(3, 4),
    "numbers": np.arange(4),
    "statistics": np.zeros(3, [("width", np.int32), ("hash", np.uint64, (2,)), ("flaw", "S20")]),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "without values": np.empty((2, 0), np.float32),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_the_file_and_the_digests_are_those_of_the_whole_array(tmp_path: Path, name: str) -> None:
    array = ARRAYS[name]
    np.save(tmp_path / "numpy.npy", np.ascontiguousarray(array))
    digests, record = write_rows(tmp_path / "ours.npy", len(array), iter(array), shown_as=tmp_path)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert record == FileRecord.of(tmp_path / "numpy.npy")
    assert digests == [hashlib.sha256(row.tobytes()).hexdigest() for row in array]


def test_what_is_written_is_flushed_while_rows_are_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy_file, "FLUSH_BYTES", 1)
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    write_rows(tmp_path / "x.npy", 2, np.ones((2, 3)), shown_as=tmp_path)
    assert flushed


def test_an_error_of_flushing_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(npy_file, "FLUSH_BYTES", 1)
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="error") as raised:
        write_rows(tmp_path / "x.npy", 1, np.ones((1, 3)), shown_as=tmp_path / "pool")
    assert (raised.value.errno, raised.value.filename) == (errno.EIO, str(tmp_path / "pool"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([np.zeros(3)], "1 rows for 2 photos"),
        ([], "0 rows for 2 photos"),
        ([np.zeros(3), np.zeros(4)], r"float64 \(4,\)"),
        ([np.zeros(3), np.zeros(3, np.uint8)], "uint8"),
    ],
)
def test_rows_that_are_no_array_are_refused(tmp_path: Path, rows: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_rows(tmp_path / "x.npy", 2, rows, shown_as=tmp_path)


def test_an_error_of_a_row_is_not_one_of_the_file(tmp_path: Path) -> None:
    def rows() -> Iterator[np.ndarray]:
        yield np.zeros(3)
        raise OSError(errno.EIO, "the photo can't be read")

    with (
        pytest.raises(OSError, match="the photo") as raised,
        temporary_path(tmp_path, ".npy", private=False, shown_as=tmp_path) as partial,
    ):
        write_rows(partial, 2, rows(), shown_as=tmp_path)
    assert raised.value.filename is None
    assert not list(tmp_path.iterdir())
