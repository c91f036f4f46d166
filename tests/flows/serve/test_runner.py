"""`fluke serve` while its server is away."""

import asyncio
import logging
import os
import signal
from types import SimpleNamespace

import httpx
import pytest
from prefect.runner import Runner

from flows.serve.runner import _PatientRunner, serve, until_stopped

REQUEST = httpx.Request("POST", "http://x/api")


def error(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(code), request=REQUEST, response=httpx.Response(code))


def test_a_server_that_is_away_is_asked_again_and_a_refusal_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Exception | None] = [
        httpx.ConnectError("away"),
        httpx.ReadTimeout("slow"),
        error(503),
        error(500),
        None,
        error(401),
    ]

    async def ask() -> None:
        if answer := answers.pop(0):
            raise answer

    async def fail() -> None:
        raise httpx.ConnectError("away")

    async def enter(runner: Runner) -> Runner:
        runner._scheduled_run_poller = SimpleNamespace(_get_and_submit_flow_runs=ask)  # type: ignore[assignment]
        runner._cancelling_observer = SimpleNamespace(_check_for_cancelled_flow_runs=fail)  # type: ignore[assignment]
        return runner

    monkeypatch.setattr(Runner, "__aenter__", enter)

    async def poll() -> None:
        runner = await _PatientRunner().__aenter__()
        for _ in range(5):
            await runner._scheduled_run_poller._get_and_submit_flow_runs()
        with pytest.raises(httpx.HTTPStatusError):
            await runner._scheduled_run_poller._get_and_submit_flow_runs()

    async def look() -> None:
        runner = await _PatientRunner().__aenter__()
        for _ in range(5):
            await runner._cancelling_observer._check_for_cancelled_flow_runs()  # type: ignore[union-attr]

    with caplog.at_level(logging.WARNING, "fluke.serve"):
        asyncio.run(poll())
        asyncio.run(look())
    assert [record.getMessage() for record in caplog.records] == [
        "the Prefect server does not answer; no run starts until it does: away",
        "the Prefect server answers again",
        "the Prefect server does not answer; no run is cancelled until it does: away",
    ]


def test_sigterm_ends_it_also_if_a_script_has_started_it_so_that_it_ignores_ctrl_c(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[type[BaseException] | None] = []

    async def enter(runner: Runner) -> Runner:
        runner._scheduled_run_poller = SimpleNamespace(_get_and_submit_flow_runs=None)  # type: ignore[assignment]
        runner._cancelling_observer = None
        return runner

    async def leave(_: Runner, kind: type[BaseException] | None, *__: object) -> None:
        ended.append(kind)

    async def start(runner: Runner) -> None:
        async with runner:
            signal.signal(signal.SIGTERM, runner.handle_sigterm)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)

    for name, function in (("__aenter__", enter), ("__aexit__", leave), ("start", start)):
        monkeypatch.setattr(Runner, name, function)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve([], pause_on_shutdown=False, start_first=False)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended == [asyncio.CancelledError]


@pytest.mark.parametrize("stop", [None, KeyboardInterrupt(), SystemExit(0), SystemExit()])
def test_one_line_says_that_serving_has_ended(stop: BaseException | None) -> None:
    said: list[str] = []
    with until_stopped(said.append, "pets"):
        if stop:
            raise stop
    assert said == ["stopped: no run of pets starts on schedule until `fluke serve` runs for it again"]


@pytest.mark.parametrize("error", [SystemExit(2), OSError("port")])
def test_an_error_is_not_called_stopped(error: BaseException) -> None:
    said: list[str] = []
    with pytest.raises(type(error)), until_stopped(said.append, "pets"):
        raise error
    assert not said
