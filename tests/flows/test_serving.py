"""`fluke serve` asks again when the server was away."""

import asyncio
import logging
from types import SimpleNamespace

import httpx
import pytest
from prefect.runner import Runner

from flows import serving

REQUEST = httpx.Request("POST", "http://x/api")


def error(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(code), request=REQUEST, response=httpx.Response(code))


def test_a_server_that_is_away_is_asked_again_and_a_refusal_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [httpx.ConnectError("away"), httpx.ReadTimeout("slow"), error(503), error(500), None, error(401)]

    async def ask() -> None:
        if answer := answers.pop(0):
            raise answer

    async def enter(runner: Runner) -> Runner:
        runner._scheduled_run_poller = SimpleNamespace(_get_and_submit_flow_runs=ask)  # type: ignore[assignment]
        return runner

    monkeypatch.setattr(Runner, "__aenter__", enter)

    async def poll() -> None:
        runner = await serving._PatientRunner().__aenter__()
        for _ in range(5):
            await runner._scheduled_run_poller._get_and_submit_flow_runs()
        with pytest.raises(httpx.HTTPStatusError):
            await runner._scheduled_run_poller._get_and_submit_flow_runs()

    with caplog.at_level(logging.WARNING, "fluke.server"):
        asyncio.run(poll())
    assert [record.getMessage() for record in caplog.records] == [
        "the Prefect server does not answer; no run starts until it does: away",
        "the Prefect server answers again",
    ]
