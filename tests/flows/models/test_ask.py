"""A person is asked when the gate can't tell. Prefect's pause is a stand-in here."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.exceptions import FlowPauseTimeout

from configs.schema import PromoteConfig
from flows.models import ask as asking
from flows.models.registry import Registry
from flows.run_records import read_records
from tests.helpers.decisions import ASK, Undecided


def _ask(case: Undecided, settings: PromoteConfig = ASK) -> tuple[str, str | None]:
    """Ask; returns the saved decision of the run, and the champion."""
    asking.ask(case.nights.store, case.record, case.decision, settings)
    saved = next(each for each in read_records(case.nights.store.root) if each.id == case.record.id)
    return saved.decision, Registry(case.nights.store.root, "demo").champion()


@pytest.fixture
def undecided(tmp_path: Path) -> Undecided:
    return Undecided(tmp_path)


def _pretend(monkeypatch: pytest.MonkeyPatch, paused: Callable[..., Any]) -> None:
    """Pretend that a flow runs with a dashboard, and replace Prefect's pause."""
    context = SimpleNamespace(flow_run=SimpleNamespace(id="1"))
    monkeypatch.setattr(asking, "FlowRunContext", SimpleNamespace(get=lambda: context))
    monkeypatch.setattr(asking, "PREFECT_API_URL", SimpleNamespace(value=lambda: "http://127.0.0.1:4200/api"))
    monkeypatch.setattr(asking, "pause_flow_run", paused)


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    return partial(_pretend, monkeypatch)


def test_only_undecided_runs_ask_and_only_if_set(undecided: Undecided) -> None:
    assert asking.is_open(undecided.decision, ASK)
    assert not asking.is_open(undecided.decision, PromoteConfig())
    assert not asking.is_open(undecided.decision.model_copy(update={"outcome": "refused"}), ASK)


@pytest.mark.parametrize(("answer", "outcome"), [("promote", "promoted"), ("keep", "kept"), ("review", "kept")])
def test_the_answer_decides(
    answer: str, outcome: str, undecided: Undecided, pause: Callable[[Callable[..., Any]], None]
) -> None:
    pause(lambda **_: asking.Answer(decision=answer))
    used = undecided.record if answer == "promote" else undecided.champion
    assert _ask(undecided) == (outcome, used.id)
    last = Registry(undecided.nights.store.root, "demo").history()[-1]
    assert (last.by, "fluke review demo" in last.reason) == ("person", answer == "review")


def test_the_form_shows_the_reason(undecided: Undecided, pause: Callable[[Callable[..., Any]], None]) -> None:
    forms: list[Any] = []

    def paused(wait_for_input: Any, timeout: int, **_: object) -> asking.Answer:
        forms.append((wait_for_input, timeout))
        return asking.Answer()

    pause(paused)
    _ask(undecided, PromoteConfig(undecided="ask", wait_h=2))
    form, timeout = forms[0]
    assert "accuracy is 2\\.0 points lower" in form._description or "accuracy is 2.0 points lower" in form._description
    assert timeout > 2 * 3600  # Prefect fails a run whose own limit has passed


def test_without_a_dashboard_the_champion_stays(undecided: Undecided, caplog: pytest.LogCaptureFixture) -> None:
    assert _ask(undecided) == ("undecided", undecided.champion.id)
    assert "there is no dashboard to ask a person in" in caplog.text


@pytest.mark.parametrize("error", [FlowPauseTimeout("never resumed"), RuntimeError("no")])
def test_a_dashboard_that_fails_does_not_fail_the_run(
    error: Exception,
    undecided: Undecided,
    pause: Callable[[Callable[..., Any]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def paused(**_: Any) -> None:
        raise error

    pause(paused)
    assert _ask(undecided) == ("undecided", undecided.champion.id)
    assert str(error) in caplog.text


def _client(states: list[str | None]) -> Any:
    """Return a stand-in for Prefect's client: a run in one state after the other; None: the server doesn't answer."""

    class Client(AbstractContextManager["Client"]):
        def __exit__(self, *_: object) -> None:
            pass

        def read_flow_run(self, _: object) -> Any:
            if (state := states.pop(0)) is None:
                raise httpx.ConnectError("refused")
            return SimpleNamespace(state=SimpleNamespace(is_paused=lambda: state == "PAUSED"))

    return Client()


@pytest.mark.parametrize(
    ("states", "given", "outcome"),
    [
        ([None, "PAUSED", "RUNNING"], {"decision": "promote"}, "promoted"),
        (["PAUSED", "CANCELLED"], None, "undecided"),
        (["RUNNING"], None, "undecided"),  # the server was away before the run was paused
    ],
)
def test_the_run_waits_on_while_its_server_is_away(
    states: list[str | None], given: Any, outcome: str, undecided: Undecided, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise httpx.ReadTimeout("away")

    _pretend(monkeypatch, away)
    client = _client(states)
    monkeypatch.setattr(asking, "get_client", lambda **_: client)
    monkeypatch.setattr(asking, "read_flow_run_input", lambda *_, **__: given)
    asking.ask(undecided.nights.store, undecided.record, undecided.decision, ASK, poll_s=0)
    assert undecided.record.decision == outcome
    assert states == []


def test_after_the_deadline_the_run_goes_on_with_the_champion(
    undecided: Undecided,
    pause: Callable[[Callable[..., Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    resumed = threading.Event()

    def paused(**_: Any) -> asking.Answer:
        assert resumed.wait(10)
        return asking.Answer(decision="keep")

    pause(paused)
    monkeypatch.setattr(asking, "resume_flow_run", lambda *_, **__: resumed.set())
    assert _ask(undecided, PromoteConfig(undecided="ask", wait_h=0.00001)) == ("undecided", undecided.champion.id)
    assert "nobody has answered in time" in caplog.text


def test_a_run_that_is_stopped_while_it_waits_is_done_and_undecided(
    undecided: Undecided, pause: Callable[[Callable[..., Any]], None], caplog: pytest.LogCaptureFixture
) -> None:
    def paused(**_: Any) -> None:
        raise KeyboardInterrupt

    pause(paused)
    with pytest.raises(KeyboardInterrupt):
        _ask(undecided)
    saved = next(each for each in read_records(undecided.nights.store.root) if each.id == undecided.record.id)
    assert (saved.state, saved.decision) == ("done", "undecided")
    assert f"`fluke promote {undecided.record.id}` uses the new model" in caplog.text
