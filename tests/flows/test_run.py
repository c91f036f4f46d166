"""The flow: how interrupted and failed runs are recorded."""

import errno
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prefect.states import Completed, Failed

from configs.load import load
from configs.schema import Config, FilterConfig
from flows import run
from flows.run_records import RunRecord, read_records
from tasks.filter.stage import STAGE
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact


def test_ctrl_c_that_a_library_turns_into_an_error_is_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stages(config: Config, get_or_build: Any) -> Iterator[Any]:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("MISMATCH of exception types: REPLACED BY KeyboardInterrupt") from None
        yield

    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", stages)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run.pipeline.fn(Config())
    assert read_records(tmp_path)[0].state == "interrupted"
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_that_a_library_loses_ends_the_run_after_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def task(*_: Any, **__: Any) -> Any:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return Completed(data=Artifact(stage="filter", key="k", digest="d"))

    def stages(config: Config, get_or_build: Any) -> Iterator[Any]:
        get_or_build(STAGE, FilterConfig())
        went_on.append("the next stage")
        yield from ()

    went_on: list[str] = []
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", stages)
    monkeypatch.setattr(run.stage_tasks, "of_stage", lambda *_: task)
    with pytest.raises(KeyboardInterrupt):
        run.pipeline.fn(Config())
    assert read_records(tmp_path)[0].state == "interrupted"
    assert not went_on


def test_any_other_error_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stages(config: Config, get_or_build: Any) -> Iterator[Any]:
        raise RuntimeError("no such kernel")
        yield

    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", stages)
    with pytest.raises(RuntimeError):
        run.pipeline.fn(Config())
    assert read_records(tmp_path)[0].state == "failed"


def test_on_a_full_disk_the_failure_of_the_run_is_said_and_not_that_of_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    def stages(config: Config, get_or_build: Any) -> Iterator[Any]:
        monkeypatch.setattr(RunRecord, "save", fail)
        raise OSError(errno.ENOSPC, "No space left on device", "shard.npy")
        yield

    def fail(record: RunRecord, root: Path) -> None:
        raise full

    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", stages)
    with pytest.raises(OSError, match=r"shard\.npy"):
        run.pipeline.fn(Config())
    assert "the record of this run can't be written" in caplog.text
    monkeypatch.setattr(run, "stages", lambda config, get_or_build: iter(()))
    monkeypatch.setattr(RunRecord, "save", lambda record, root: fail(record, root) if record.ended_at else None)
    with pytest.raises(OSError, match="No space left on device") as raised:
        run.pipeline.fn(Config())
    assert raised.value is full


def test_a_timeout_of_the_stage_itself_is_not_taken_for_the_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stages(config: Config, get_or_build: Any) -> Iterator[Any]:
        yield get_or_build(STAGE, FilterConfig())

    state = Failed(name="TimedOut", data=TimeoutError("the lock was not released"))
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", stages)
    monkeypatch.setattr(run.stage_tasks, "of_stage", lambda *_: lambda *_, **__: state)
    with pytest.raises(TimeoutError, match="the lock was not released"):
        run.pipeline.fn(Config())


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, ["train.imbalance.gamma"]), (["train.margin"], ["train.margin"]), ([], [])],
)
def test_a_run_says_which_settings_of_the_user_have_no_effect(
    given: list[str] | None,
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", lambda config, get_or_build: iter(()))
    token = run.given_settings.set(given)
    try:
        record = run.pipeline.fn(load("whales", ["crawl.path=x", "train.imbalance.gamma=3"]), preset="whales")
    finally:
        run.given_settings.reset(token)
    assert [note.partition(" ")[0] for note in record.notes] == expected
    assert read_records(tmp_path)[0].notes == record.notes
    assert [entry.getMessage() for entry in caplog.records if "no effect" in entry.getMessage()] == record.notes


def test_notes_of_the_command_line_are_in_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", lambda config, get_or_build: iter(()))
    tokens = run.given_settings.set([]), run.said_before.set(["train.epochs is given twice: '6' replaces '5'"])
    try:
        record = run.pipeline.fn(load("whales", ["crawl.path=x"]), preset="whales")
    finally:
        run.given_settings.reset(tokens[0])
        run.said_before.reset(tokens[1])
    assert record.notes == ["train.epochs is given twice: '6' replaces '5'"]


@pytest.mark.parametrize("scheduled", [False, True])
def test_a_check_between_the_stages_ends_the_run_before_the_next_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheduled: bool
) -> None:
    made = [Artifact(stage=name, key="k", digest="d") for name in ("crawl", "filter", "train")]
    reached: list[str] = []

    def stages(config: Config, get_or_build: Any) -> Iterator[Artifact]:
        for artifact in made:
            reached.append(artifact.stage)
            yield artifact

    class StrictChecks:
        def __init__(self, *_: Any, scheduled: bool) -> None:
            self.scheduled = scheduled

        def after(self, artifact: Artifact) -> None:
            if self.scheduled and artifact.stage == "filter":
                raise UserError("stopped before training: class 'cat' is gone")

    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    monkeypatch.setattr(run, "stages", stages)
    monkeypatch.setattr(run, "Checks", StrictChecks)
    if not scheduled:
        run.pipeline.fn(Config(), until="train")
        assert reached == ["crawl", "filter", "train"]
        return
    with pytest.raises(UserError):
        run.pipeline.fn(Config(), until="train", scheduled=True)
    [record] = read_records(tmp_path)
    assert (record.state, record.error) == ("failed", "stopped before training: class 'cat' is gone")
    assert reached == ["crawl", "filter"]
