"""A person is asked when the gate can't tell. Prefect's pause is a stand-in here."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.exceptions import FlowPauseTimeout

from configs.nights import PromoteConfig
from configs.schema import Config, EvaluateConfig
from flows.models import ask as asking
from flows.models.registry import Decision, Registry
from flows.run_records import RunRecord, read_records
from tests.helpers.decisions import Nights, photos

ASK = PromoteConfig(undecided="ask")
QUICK = Config(evaluate=EvaluateConfig(bootstrap=100), promote=ASK)


class Undecided:
    """A run that the gate couldn't tell about."""

    def __init__(self, root: Path) -> None:
        self.nights = Nights(root)
        self.champion = self.nights.run(photos(100, wrong=5), classifier="a")
        self.nights.decide(self.champion, QUICK)
        self.record: RunRecord = self.nights.run(photos(100, wrong=7), classifier="b")
        self.decision: Decision = self.nights.decide(self.record, QUICK)

    def ask(self, settings: PromoteConfig = ASK) -> tuple[str, str | None]:
        """Ask; returns the saved decision of the run, and the champion."""
        asking.ask(self.nights.store, self.record, self.decision, settings)
        saved = next(each for each in read_records(self.nights.store.root) if each.id == self.record.id)
        return saved.decision, Registry(self.nights.store.root, "demo").champion()


@pytest.fixture
def undecided(tmp_path: Path) -> Undecided:
    return Undecided(tmp_path)


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Pretend that a flow runs with a dashboard, and replace Prefect's pause."""
    context = SimpleNamespace(flow_run=SimpleNamespace(id="1"))
    monkeypatch.setattr(asking, "FlowRunContext", SimpleNamespace(get=lambda: context))
    monkeypatch.setattr(asking, "PREFECT_API_URL", SimpleNamespace(value=lambda: "http://127.0.0.1:4200/api"))
    return lambda paused: monkeypatch.setattr(asking, "pause_flow_run", paused)


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
    assert undecided.ask() == (outcome, used.id)
    last = Registry(undecided.nights.store.root, "demo").history()[-1]
    assert (last.by, "fluke review demo" in last.reason) == ("person", answer == "review")


def test_the_form_shows_the_reason(undecided: Undecided, pause: Callable[[Callable[..., Any]], None]) -> None:
    forms: list[Any] = []

    def paused(wait_for_input: Any, timeout: int, poll_interval: int) -> asking.Answer:
        forms.append((wait_for_input, timeout))
        return asking.Answer()

    pause(paused)
    undecided.ask(PromoteConfig(undecided="ask", wait_h=2))
    form, timeout = forms[0]
    assert "accuracy is 2\\.0 points lower" in form._description or "accuracy is 2.0 points lower" in form._description
    assert timeout > 2 * 3600  # Prefect fails a run whose own limit has passed


def test_without_a_dashboard_the_champion_stays(undecided: Undecided, caplog: pytest.LogCaptureFixture) -> None:
    assert undecided.ask() == ("undecided", undecided.champion.id)
    assert "there is no dashboard to ask a person in" in caplog.text


@pytest.mark.parametrize("error", [FlowPauseTimeout("never resumed"), ConnectionError("refused"), RuntimeError("no")])
def test_a_dashboard_that_fails_does_not_fail_the_run(
    error: Exception,
    undecided: Undecided,
    pause: Callable[[Callable[..., Any]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def paused(**_: Any) -> None:
        raise error

    pause(paused)
    assert undecided.ask() == ("undecided", undecided.champion.id)
    assert str(error) in caplog.text


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
    assert undecided.ask(PromoteConfig(undecided="ask", wait_h=0.00001)) == ("undecided", undecided.champion.id)
    assert "nobody has answered in time" in caplog.text


def test_a_run_that_is_stopped_while_it_waits_is_done_and_undecided(
    undecided: Undecided, pause: Callable[[Callable[..., Any]], None], caplog: pytest.LogCaptureFixture
) -> None:
    def paused(**_: Any) -> None:
        raise KeyboardInterrupt

    pause(paused)
    with pytest.raises(KeyboardInterrupt):
        undecided.ask()
    saved = next(each for each in read_records(undecided.nights.store.root) if each.id == undecided.record.id)
    assert (saved.state, saved.decision) == ("done", "undecided")
    assert f"`fluke promote {undecided.record.id}` uses the new model" in caplog.text
