"""A server that ends during a run is started again; one that the user has stopped is not."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.server import lifecycle, watch
from flows.server.process import state_file
from tasks.store.errors import UserError
from tests.helpers.prefect_api import wait_for

URL = "http://127.0.0.1:4321/api"
Process = SimpleNamespace


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    """A server whose process the test ends, with the ports on which it was started again."""
    found = SimpleNamespace(pid=77, started=[], problem=None)

    def up(root: Path, port: int | None) -> str:
        found.started.append(port)
        if found.problem:
            raise found.problem
        found.pid = 78
        return URL

    state = state_file(tmp_path)
    state.parent.mkdir()
    state.touch()
    monkeypatch.setattr(watch, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(watch, "_TRY_AGAIN_AFTER_S", 0.02)
    monkeypatch.setattr(lifecycle, "url", lambda root: URL)
    monkeypatch.setattr(lifecycle, "process_id", lambda root: found.pid)
    monkeypatch.setattr(lifecycle, "up", up)
    return found


def soon(condition: Callable[[], bool]) -> None:
    wait_for("effect", condition, timeout_s=20)


@pytest.mark.slow
def test_a_server_that_has_ended_is_started_on_the_same_port(
    process: Process, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "fluke.server"), watch.kept_running(tmp_path, URL):
        process.pid = None
        soon(lambda: process.pid == 78)
    assert process.started == [4321]
    assert "has ended; it is started again" in caplog.text


@pytest.mark.slow
def test_it_is_tried_again_if_it_does_not_start(process: Process, tmp_path: Path) -> None:
    process.problem = UserError("the port is in use")
    with watch.kept_running(tmp_path, URL):
        process.pid = None
        soon(lambda: len(process.started) > 1)
        process.problem = None
        soon(lambda: process.pid == 78)
    assert len(process.started) > 2
    assert set(process.started) == {4321}


def test_a_server_that_the_user_stopped_stays_stopped_and_another_is_not_ours(process: Process, tmp_path: Path) -> None:
    state_file(tmp_path).unlink()  # as `fluke down` does
    for address in (URL, "http://elsewhere/api"):
        with watch.kept_running(tmp_path, address):
            process.pid = None
            watch.threading.Event().wait(0.2)
    assert process.started == []
