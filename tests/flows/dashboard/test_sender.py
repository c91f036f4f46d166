"""The sender: beside the work, in order, bounded in time and memory, with one warning for what is lost."""

import logging
import time
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.dashboard import artifacts, sender
from flows.dashboard.sender import Post, Sender
from tests.helpers.servers import StandIn, answering, silent


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with answering() as server:
        yield server


def to(url: str) -> Sender:
    return Sender(lambda: SyncPrefectClient(url, httpx_settings={"timeout": 0.3}))


def page(number: int) -> Post:
    return Post("/artifacts/", {"key": f"fluke-{number}", "type": "markdown", "data": "text"})


def test_everything_arrives_in_order_and_lines_go_together(stand_in: StandIn) -> None:
    sends = to(stand_in.url)
    sends.put(page(1))
    for number in range(50):
        sends.put_line({"message": f"line {number}", "__payload_size__": 20})
    sends.put(page(2))
    assert sends.flush(5) == 0
    artifact_keys = [body["key"] for _, path, body in stand_in.requests if path == "/api/artifacts/"]
    logs = [body for _, path, body in stand_in.requests if path == "/api/logs/"]
    assert artifact_keys == ["fluke-1", "fluke-2"]
    assert [line["message"] for lines in logs for line in lines] == [f"line {number}" for number in range(50)]
    assert len(logs) < 50


def test_a_bar_that_waits_is_sent_once_with_its_newest_percentage(stand_in: StandIn) -> None:
    stand_in.code = 503
    sends, bar = to(stand_in.url), artifacts.Bar("photos: 100 in all")
    sends.put(page(1))
    for percent in range(100):
        bar.percent = percent
        sends.put(bar)
    stand_in.code = 201
    assert sends.flush(5) == 0
    bar.percent = 100
    sends.put(bar)
    assert sends.flush(5) == 0
    sent = [(method, body["data"]) for method, _, body in stand_in.requests if body.get("data") != "text"]
    assert sent == [("POST", 99), ("PATCH", 100)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silent", "errors", "nobody"])
def test_a_server_that_does_not_answer_costs_nothing_but_the_last_seconds_and_one_warning(
    kind: str, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.code = 500
    with silent() as address:
        url = {"silent": address, "errors": stand_in.url, "nobody": "http://127.0.0.1:9/api"}[kind]
        sends = to(url)
        start = time.monotonic()
        for number in range(1_000):
            sends.put(page(number))
        assert time.monotonic() - start < 5  # one request alone would take as long
        with caplog.at_level(logging.WARNING, "fluke.dashboard"):
            assert sends.flush(0.5) == 1_000
            start = time.monotonic()
            sends.put(page(0))
            sends.flush(30)
        assert time.monotonic() - start < 10  # it does not wait long for a server that was away a moment ago
    assert "the dashboard lacks 1000 entries" in caplog.text


@pytest.mark.slow
def test_what_waited_is_sent_when_the_server_is_back(stand_in: StandIn) -> None:
    stand_in.code = 503
    sends = to(stand_in.url)
    for number in range(3):
        sends.put(page(number))
    time.sleep(0.1)
    stand_in.code = 201
    assert sends.flush(5) == 0
    assert [body["key"] for _, _, body in stand_in.requests][-3:] == ["fluke-0", "fluke-1", "fluke-2"]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_MAX_MESSAGES", 10)
    monkeypatch.setattr(sender, "_MAX_BYTES", 1_000)
    with silent() as address:
        many, large = to(address), to(address)
        for number in range(100):
            many.put(page(number))
        large.put(Post("/artifacts/", {"data": "x" * 2_000}))
        large.put_line({"message": "x", "__payload_size__": 2_000})
        assert many.flush(0) == 100
        assert large.flush(0) == 2


def test_a_request_that_the_server_refuses_is_not_repeated(stand_in: StandIn) -> None:
    stand_in.code = 422
    sends = to(stand_in.url)
    sends.put(page(1))
    assert sends.flush(5) == 1
    assert len(stand_in.requests) == 1


def test_each_server_has_its_sender_and_without_a_server_nothing_is_sent() -> None:
    senders = []
    for url in ("http://127.0.0.1:9/api", "http://127.0.0.1:9/api", "http://127.0.0.1:10/api", None):
        with temporary_settings({PREFECT_API_URL: url}):
            senders.append(sender.current())
    assert senders[0] is senders[1] is not senders[2]
    assert senders[3] is None
