"""Messages about runs: sent beside the work, to receivers on this machine; a failure is one warning."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from email import message_from_string
from typing import Any

import pytest

from configs.schema import Config
from flows import notify
from flows.notify import addresses, send
from tests.helpers import receivers


@pytest.fixture(autouse=True)
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The Prefect events that would be emitted."""
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: emitted.append(event))
    monkeypatch.setenv(addresses.ADDRESSES, "")  # so that monkeypatch removes what a test sets
    return emitted


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def _config(*urls: str, **settings: Any) -> Config:
    return Config.model_validate({"notify": {"urls": urls, **settings}})


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fluke.notify"]


def test_a_webhook_and_a_mailbox_are_told(events: list[dict[str, Any]]) -> None:
    with receivers.webhook() as (web, posts), receivers.mail() as (smtp, mails):
        config = _config(
            f"json://127.0.0.1:{web}/hook",
            f"mailto://127.0.0.1:{smtp}?from=fluke@example.org&to=anna@example.org&mode=insecure",
        )
        with notify.delivery():
            notify.tell(config, "refused", "whales: the new model was refused", ["Recall of orca fell by 20 points."])
    [post] = map(json.loads, posts)
    assert (post["title"], post["type"]) == ("whales: the new model was refused", "warning")
    assert post["message"].startswith("Recall of orca fell by 20 points.\n")
    [mail] = map(message_from_string, mails)
    assert (mail["Subject"], "anna@example.org" in mail["To"]) == ("whales: the new model was refused", True)
    assert [event["event"] for event in events] == ["fluke.night.refused"]
    assert events[0]["payload"]["lines"] == ["Recall of orca fell by 20 points."]


def test_only_what_is_asked_for_is_sent_but_every_event_is_emitted(events: list[dict[str, Any]]) -> None:
    with receivers.webhook() as (port, posts):
        config = _config(f"json://127.0.0.1:{port}", on=["failed"])
        with notify.delivery():
            notify.tell(config, "promoted", "a", [])
            notify.tell(config, "failed", "b", [])
    assert [json.loads(post)["title"] for post in posts] == ["b"]
    assert [event["event"] for event in events] == ["fluke.night.promoted", "fluke.night.failed"]


@pytest.mark.slow
def test_a_receiver_that_never_answers_delays_no_other_and_not_the_run(
    silent_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(send, "MAX_WAIT_S", 1)
    with receivers.webhook() as (port, posts):
        config = _config(f"json://127.0.0.1:{silent_port}/hunter2secret", f"json://127.0.0.1:{port}")
        started_at = time.monotonic()
        with notify.delivery():
            notify.tell(config, "failed", "a", [])
            assert time.monotonic() - started_at < 0.5
        assert time.monotonic() - started_at < 3
    assert len(posts) == 1
    [warning] = _warnings(caplog)
    assert f"json://127.0.0.1:{silent_port}/*** (no answer within 1 s)" in warning


def test_what_can_not_be_sent_is_one_warning_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "fluke")
    with receivers.webhook(500) as (port, posts):
        config = _config(f"json://127.0.0.1:{port}/hunter2secret?key=hunter3secret")
        with notify.delivery():
            notify.tell(config, "failed", "a", [])
            notify.tell(config, "drift", "b", [])
    assert len(posts) == 2
    [warning] = _warnings(caplog)
    assert f"json://127.0.0.1:{port}/*** (Failed to send" in warning
    assert "error=500" in warning
    assert "hunter" not in caplog.text


def test_telling_never_fails(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("Prefect is broken")

    monkeypatch.setattr("prefect.events.emit_event", fail)
    notify.tell(Config(), "failed", "a\x1b[2J", [])
    assert _warnings(caplog) == ["nobody could be told 'a\\\\x1b[2J': Prefect is broken"]


def test_an_address_can_be_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with receivers.webhook() as (port, posts):
        monkeypatch.setenv("HOOK_OF_TEST", f"json://127.0.0.1:{port}/x")
        [delivery] = notify.send_test(_config("$HOOK_OF_TEST"), "a test")
    assert (delivery.address, delivery.reason, len(posts)) == ("$HOOK_OF_TEST", "", 1)
