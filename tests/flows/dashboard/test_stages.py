"""What stages show: the progress of long work only, counts, reports; and the log of each flow run."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.logging import handlers

from flows.dashboard import artifacts, sender, stages
from flows.dashboard.logs import logs as send_logs
from tasks import tables
from tasks.store.manifest import Artifact, CacheKey, Manifest
from tasks.store.stage import Outcome
from tasks.store.store import Store


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(stages.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Bodies of the artifacts that were sent, and percentages of bars."""
    sent: list[Any] = []

    def put(message: Any) -> None:
        sent.append(message.percent if isinstance(message, artifacts.Bar) else message._body)

    monkeypatch.setattr(sender, "current", lambda: SimpleNamespace(put=put))
    return sent


def test_short_work_is_not_shown(clock: list[float], shown: list[float]) -> None:
    with stages.progress("tiles", 100) as advance:
        clock[0] = 2
        advance(100)
    assert shown == []


def test_long_work_is_updated_every_two_seconds_and_ends_at_100_percent(clock: list[float], shown: list[float]) -> None:
    with stages.progress("epochs", 40) as advance:
        for second in range(10):
            clock[0] = second
            advance(2)  # early stopping: the work ends before its total
    assert shown == [20.0, 30.0, 40.0, 50.0, 100.0]


def outcome(root: Path) -> Outcome:
    artifact = Artifact(stage="evaluate", key="k", digest="d")
    cache_key = CacheKey(stage="evaluate", version=1, config={})
    manifest = Manifest(
        artifact=artifact,
        cache_key=cache_key,
        counts={"test photos": 12},
        files={},
        refs={},
        source="",
        made_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        seconds=5,
    )
    folder = Store(root).folder(artifact)
    folder.mkdir(parents=True)
    tables.shared.SUMMARY.path(folder).write_text("**9 of 10 right**")
    tables.evaluate.REPORT.path(folder).write_text("<html>")
    return Outcome(artifact, cached=False, why="built", manifest=manifest)


def test_a_stage_shows_its_counts_and_its_report(tmp_path: Path, shown: list[Any]) -> None:
    stages.show(outcome(tmp_path), Store(tmp_path))
    table, page = shown
    assert (table["key"], table["type"]) == ("fluke-evaluate", "table")
    assert json.loads(table["data"]) == [{"what": "test photos", "count": "12"}]
    assert "built in 5.0 s" in table["description"]
    assert (page["key"], page["type"]) == ("fluke-evaluate-report", "markdown")
    assert "**9 of 10 right**" in page["data"]
    assert str(tmp_path) in page["data"]
    assert "](/fluke/reports/" not in page["data"]


def test_the_data_folders_own_server_has_a_link_to_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages.server, "is_own", lambda root, address: root == tmp_path)
    line = stages.report_line(tmp_path, tmp_path / "artifacts" / "evaluate" / "abcdef12")
    assert re.match(r"\[The report\]\(/fluke/reports/abcdef12\?token=[0-9a-f]{32}\): `", line)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, str]]:
    """The flow run and the message of each log line that was sent to Prefect."""
    lines: list[tuple[UUID, str]] = []
    flow_run: Any = SimpleNamespace(get=lambda: None)
    monkeypatch.setattr(artifacts, "FlowRunContext", flow_run)

    def emit(handler: logging.Handler, record: logging.LogRecord) -> None:
        run = getattr(record, "flow_run_id", None) or flow_run.get().flow_run.id
        lines.append((UUID(str(run)), record.getMessage()))

    monkeypatch.setattr(handlers.APILogHandler, "emit", emit)
    return lines


def test_two_flow_runs_in_one_process_each_send_their_own_logs(
    sent: list[tuple[UUID, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = uuid4(), uuid4()
    logger = logging.getLogger("fluke.run")

    def enter(run: UUID | None) -> None:
        context = run and SimpleNamespace(flow_run=SimpleNamespace(id=run))
        monkeypatch.setattr(artifacts.FlowRunContext, "get", lambda: context)

    def logs(run: UUID) -> AbstractContextManager[None]:
        enter(run)
        started = send_logs()
        started.__enter__()
        return started

    one, two = logs(first), logs(second)
    again = logs(second)  # as of a flow that another one calls
    for run in (first, second):
        enter(run)
        logger.info("crawl built")
    assert sent == [(first, "crawl built"), (second, "crawl built")]
    sent.clear()
    enter(None)
    logger.info("from a worker thread")
    assert sent == [(first, "from a worker thread"), (second, "from a worker thread")]
    sent.clear()
    again.__exit__(None, None, None)
    one.__exit__(None, None, None)
    enter(second)
    logger.info("filter built")
    assert sent == [(second, "filter built")]
    two.__exit__(None, None, None)
    logger.info("no run is left")
    assert len(sent) == 1


def test_the_dashboards_log_shows_control_characters_and_the_terminal_gets_the_record_unchanged(
    sent: list[tuple[UUID, str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = uuid4()
    context = SimpleNamespace(flow_run=SimpleNamespace(id=run))
    monkeypatch.setattr(artifacts.FlowRunContext, "get", lambda: context)
    with send_logs():
        logging.getLogger("fluke.crawl").warning("%s: skipped", "caf\udce9\x1b[2J")
    assert sent == [(run, "caf\\udce9\\x1b[2J: skipped")]
    assert caplog.records[-1].args == ("caf\udce9\x1b[2J",)


@pytest.mark.parametrize(
    "text",
    [
        "[click](http://evil.example)",
        "![](http://evil.example/pixel.png)",
        "![](data:image/svg+xml;base64,PHN2Zz4=)",
        "[click][1]\n\n[1]: http://evil.example",
        "<script>alert(1)</script>",
        "<img src=http://evil.example>",
        "<http://evil.example>",
    ],
)
def test_links_images_and_html_in_a_summary_of_the_data_folder_are_text(text: str) -> None:
    safe = stages.safe(text)
    assert "<" not in safe.replace("\\<", "")
    assert not re.search(r"(?<!\\)\]\s*[(\[:]", safe)


def test_what_stages_write_into_summaries_stays() -> None:
    text = "**90 %** of *a\\<b\\]* (10 \u2265 9)\n\n![map](data:image/png;base64,iVBORw0KGgo=)"
    text += "\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    assert stages.safe(text) == text


def test_a_path_with_back_ticks_stays_code() -> None:
    assert stages.code(Path("/data/`<b>`\n[x](y)")) == "`/data/'<b>'\\n[x](y)`"
