"""Records of runs: which run is the last one, and which preset it is of."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.schema import Config
from flows.models.find import find_run
from flows.run_records import RunRecord, read_records
from tasks.store import counter

NOW = datetime(2026, 11, 26, 2, tzinfo=UTC)


def saved(root: Path, run_id: str, when: datetime, *, number: int | None = None, preset: str = "animals") -> RunRecord:
    """Save the record of a run that succeeded."""
    record = RunRecord.start(
        preset, "evaluate", Config(), number=counter.next_number(root) if number is None else number
    )
    record.id, record.started_at = run_id, when
    record.end("done")
    record.save(root)
    return record


def test_the_run_after_a_night_with_a_clock_a_year_ahead_is_the_last_one(tmp_path: Path) -> None:
    saved(tmp_path, "20261125-a", NOW - timedelta(days=1))
    saved(tmp_path, "20271126-b", NOW + timedelta(days=365))
    saved(tmp_path, "20261127-c", NOW + timedelta(days=1))
    assert [record.id for record in read_records(tmp_path)] == ["20261127-c", "20271126-b", "20261125-a"]
    assert find_run(tmp_path).id == "20261127-c"
    assert find_run(tmp_path, "animals").id == "20261127-c"


def test_runs_without_a_number_are_older_than_all_others(tmp_path: Path) -> None:
    saved(tmp_path, "b", NOW + timedelta(days=365), number=0)
    saved(tmp_path, "a", NOW, number=0)
    saved(tmp_path, "c", NOW - timedelta(days=400))  # the clock was behind
    assert [record.id for record in read_records(tmp_path)] == ["c", "b", "a"]


def test_a_record_of_a_version_without_numbers_can_be_read(tmp_path: Path) -> None:
    record = saved(tmp_path, "old", NOW)
    text = record.model_dump_json(exclude={"number", "preset_file"}, indent=1)
    (tmp_path / "runs" / "old.json").write_text(text)
    assert [(found.number, found.preset_key) for found in read_records(tmp_path)] == [(0, "animals")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("animals", ""), ("animals.yaml", ""), True),
        (("./animals.yaml", ""), ("animals.yaml", ""), True),
        (("my/animals.yaml", ""), ("my/../my//animals.YML", ""), True),
        (("animals", "/home/a/animals.yaml"), ("animals", "/home/a/./animals.yml"), True),
        (("animals", "/home/a/animals.yaml"), ("animals", "/home/b/animals.yaml"), False),
        (("v1.2", ""), ("v1.3", ""), False),
        (("cats/config.yaml", ""), ("dogs/config.yaml", ""), False),
        (("default", ""), ("default", "/home/a/default.yaml"), False),
    ],
)
def test_presets_are_told_apart(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    keys = {RunRecord.start(preset, "evaluate", Config(), preset_file=file).preset_key for preset, file in (one, other)}
    assert (len(keys) == 1) is same


def test_a_record_with_unknown_settings_can_be_read(tmp_path: Path) -> None:
    record = RunRecord.start("demo", "evaluate", Config())
    record.config["train"]["a_removed_setting"] = 1
    record.save(tmp_path)
    assert read_records(tmp_path)[0].config == record.config


def test_a_killed_run_is_distinguished_from_a_running_one(tmp_path: Path) -> None:
    record = RunRecord.start("demo", "evaluate", Config())
    with record.lock(tmp_path):
        assert record.current_state(tmp_path) == "running"
    assert record.current_state(tmp_path) == "died"
    record.end("done")
    assert record.current_state(tmp_path) == "done"


def test_the_state_of_a_run_is_found_in_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = RunRecord.start("demo", "evaluate", Config())
    root, os_open = tmp_path, os.open

    def read_only(path: str, flags: int, *args: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return os_open(path, flags, *args, **options)

    with record.lock(root), monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        assert record.current_state(root) == "running"
    (root / "locks" / f"run-{record.id}.lock").touch()  # as a killed run leaves it
    monkeypatch.setattr(os, "open", read_only)
    assert record.current_state(root) == "died"
