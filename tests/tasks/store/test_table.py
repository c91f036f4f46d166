"""Tables, JSON files and the lists of shards in a data folder that somebody has changed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks import tables
from tasks.store.errors import DamagedFileError, UserError
from tasks.store.json_file import read_json
from tasks.store.shards import Shard

INDEX = {"photo": ["a"], "shard": ["pools/extract/k/s.npy"], "row": [0], "digest": ["d"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "artifacts" / "extract" / "key"
    home.mkdir(parents=True)
    return home


@pytest.mark.parametrize(
    "change",
    [
        {"shard": ["../../x.npy"]},
        {"shard": ["/etc/passwd"]},
        {"shard": ["pools/../../x"]},
        {"shard": ["a\0b"]},
        {"shard": [None]},
        {"shard": [3]},
        {"row": ["0"]},
        {"row": [0.5]},
        {"photo": [["a"]]},
        {"digest": [b"d"]},
        {"photo": None},
    ],
)
def test_a_table_with_other_paths_or_types_is_damaged(folder: Path, change: dict[str, Any]) -> None:
    content = {name: values for name, values in (INDEX | change).items() if values is not None}
    pd.DataFrame(content).to_parquet(tables.shared.INDEX.path(folder))
    with pytest.raises(DamagedFileError, match=r"index\.parquet is damaged \(.*--fresh extract"):
        tables.shared.INDEX.read(folder)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_what_is_no_parquet_file_is_damaged(folder: Path, data: bytes) -> None:
    tables.shared.INDEX.path(folder).write_bytes(data)
    with pytest.raises(DamagedFileError, match="is damaged"):
        tables.shared.INDEX.read(folder)


def test_a_table_without_rows_is_not_damaged(folder: Path) -> None:
    tables.shared.INDEX.write(
        pd.DataFrame([], columns=tables.shared.INDEX.names), folder
    )  # their types are unknown then
    assert tables.shared.INDEX.read(folder).empty


def test_a_missing_table_is_missing_and_an_intact_one_is_read(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tables.shared.INDEX.read(folder)
    tables.shared.INDEX.write(pd.DataFrame(INDEX), folder)
    assert tables.shared.INDEX.read(folder).to_dict("list") == INDEX
    assert tables.shared.INDEX.read(folder, columns=["photo"]).to_dict("list") == {"photo": ["a"]}


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '"a"', "[" * 100_000, "[" + "9" * 100_000 + "]", '["\\ud800"]', "\ufeff[]", "null"]
)
def test_json_of_another_type_is_damaged(folder: Path, text: str) -> None:
    tables.train.LABELS.path(folder).write_text(text, encoding="utf-8")
    with pytest.raises(DamagedFileError, match=r"labels\.json is damaged") as raised:
        read_json(tables.train.LABELS.path(folder), list[str])
    assert isinstance(raised.value, UserError)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    "change",
    [
        {"photos": 3},
        {"photos": ["a", "b"]},
        {"rows": [3]},
        {"source": None},
        {"file": {"bytes": "many", "sha256": "x"}},
        {"file": []},
    ],
)
def test_a_shard_with_another_description_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    shard = Shard.write(tmp_path, ["a"], np.zeros((1, 2)))
    side = shard.path.with_suffix(".json")
    assert Shard.read(shard.path)
    side.write_text(json.dumps(json.loads(side.read_bytes()) | change))
    assert Shard.read(shard.path) is None
    side.write_text("[" * 100_000)
    assert Shard.read(shard.path) is None
