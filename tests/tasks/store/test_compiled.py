"""Compiled networks are kept in the data folder."""

import os
import time
from pathlib import Path

import pytest

from tasks.store import compiled


def test_jax_keeps_what_it_compiles_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    compiled.keep_in(tmp_path)
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "elsewhere"
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_MAX_SIZE", raising=False)
    compiled.keep_in(tmp_path)
    assert Path(os.environ["JAX_COMPILATION_CACHE_DIR"]).parent == tmp_path / "cache" / "compiled"
    assert int(os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"]) == compiled.MAX_BYTES
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_MAX_SIZE")


def test_a_folder_that_nothing_has_used_for_a_month_is_unused(tmp_path: Path) -> None:
    assert compiled.unused(tmp_path) == []
    long_ago = time.time() - 31 * 86400
    for name in ("old", "read"):
        folder = tmp_path / compiled.FOLDER / name
        folder.mkdir(parents=True)
        for entry in ("a-cache", "a-atime"):
            (folder / entry).touch()
            os.utime(folder / entry, (long_ago, long_ago))
        os.utime(folder, (long_ago, long_ago))
    os.utime(tmp_path / compiled.FOLDER / "read" / "a-atime")
    assert compiled.unused(tmp_path) == [tmp_path / compiled.FOLDER / "old"]
