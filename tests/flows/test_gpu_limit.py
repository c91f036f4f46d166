"""Stages that compute with the GPU take turns; without a limit or a server, nothing waits and nothing fails."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import gpu_limit
from tasks.extract.stage import STAGE as EXTRACT
from tasks.filter.stage import STAGE as FILTER
from tests.helpers.servers import answering

HELD: list[str] = []


def _stage(name: str = "train", result: object = None) -> Any:
    from dataclasses import replace

    def build(_: object) -> Any:
        return list(HELD) if result is None else result

    return replace(EXTRACT, name=name, build=build)


def _limit(monkeypatch: pytest.MonkeyPatch, *, busy: int = 0, error: Exception | None = None) -> list[float | None]:
    """Replace Prefect's limit by one that is busy for the first tries; returns the time-outs that were asked for."""
    tries: list[float | None] = []

    @contextmanager
    def concurrency(name: str, *, timeout_seconds: float | None, **_: object) -> Iterator[None]:
        tries.append(timeout_seconds)
        if error:
            raise error
        if len(tries) <= busy:
            raise TimeoutError
        HELD.append(name)
        try:
            yield
        finally:
            HELD.remove(name)

    monkeypatch.setattr("prefect.concurrency.sync.concurrency", concurrency)
    return tries


def test_a_stage_holds_the_limit_while_it_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(monkeypatch)
    assert gpu_limit.taking_turns(_stage()).build(None) == ["gpu"]
    assert not HELD
    assert gpu_limit.taking_turns(FILTER) is FILTER


def test_its_code_is_still_that_of_its_module() -> None:
    limited = gpu_limit.taking_turns(EXTRACT)
    assert limited is not EXTRACT
    assert limited.build.__module__ == EXTRACT.build.__module__


def test_who_waits_says_so_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tries = _limit(monkeypatch, busy=1)
    monkeypatch.setattr(gpu_limit, "_is_there", lambda: True)
    assert gpu_limit.taking_turns(_stage("extract")).build(None) == ["gpu"]
    assert tries[1:] == [None]
    assert caplog.messages == ["extract waits: other runs use the GPU (Prefect's limit 'gpu')"]


def test_a_slow_server_without_the_limit_makes_nobody_wait(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "fluke")
    tries = _limit(monkeypatch, busy=9)
    with answering() as server, temporary_settings({PREFECT_API_URL: server.url}):
        server.code = 404
        assert gpu_limit.taking_turns(_stage()).build(None) == []
        assert server.requests[-1][1] == "/api/v2/concurrency_limits/gpu"
    assert (len(tries), caplog.messages) == (1, [])


def test_without_a_server_it_builds_at_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fluke")
    _limit(monkeypatch, error=ConnectionError("refused"))
    assert gpu_limit.taking_turns(_stage(result="built")).build(None) == "built"
    assert caplog.messages == ["the limit 'gpu' could not be asked for: refused"]


def test_an_error_of_the_stage_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(monkeypatch)

    def fail() -> None:
        with gpu_limit.turn("train"):
            raise TimeoutError("of the stage")

    with pytest.raises(TimeoutError, match="of the stage"):
        fail()
    assert not HELD


def test_a_slow_server_makes_no_error_of_prefect_in_the_terminal(caplog: pytest.LogCaptureFixture) -> None:
    theirs = logging.getLogger("prefect._internal.concurrency")
    theirs.error(
        "Service %r failed to process item %r", "ConcurrencySlotAcquisitionWithLeaseService", (1, TimeoutError)
    )
    theirs.error("another error")
    assert [record.getMessage() for record in caplog.records] == ["another error"]
