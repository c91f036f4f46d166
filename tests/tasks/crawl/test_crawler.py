"""The end of a crawl: deadline, byte limit, interrupts and errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.crawl.ledger.ledger import Ledger
from tests.helpers.scripted_engine import ScriptedEngine, names, photo, photo_requests, run_crawl


@pytest.mark.slow
def test_the_deadline_ends_the_crawl_and_keeps_what_was_downloaded(
    engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", ["/cat.jpg", "/never.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/never.jpg", engine.site.stall)
    result = run_crawl(engine, tmp_path, deadline_s=1.5)
    assert [row.name for row in result.rows] == ["cat.jpg", "dog.jpg"]
    assert result.counts["dropped (out of time)"] == 1
    assert "the crawl ended early: out of time" in caplog.text
    engine.site.on("/never.jpg", photo("at last"))
    assert names(run_crawl(engine, tmp_path), "cat") == ["cat.jpg", "never.jpg"]


def test_the_byte_limit_ends_the_crawl(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(50)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(50)])
    result = run_crawl(engine, tmp_path, max_gb=3000e-9, threads=1)
    assert 2 < len(result.rows) < 60
    assert result.counts["dropped (out of bytes)"] == 100 - len(result.rows)


def test_requests_name_the_crawler_and_logging_is_not_changed(engine: ScriptedEngine, tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("urllib3").level)
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run_crawl(engine, tmp_path, contact="https://example.org/crawl")
    agents = {headers["User-Agent"] for headers in engine.site.headers}
    assert len(agents) == 1
    assert agents.pop().startswith("fluke/")
    assert all("(+https://example.org/crawl)" in headers["User-Agent"] for headers in engine.site.headers)
    assert (root.level, list(root.handlers), logging.getLogger("urllib3").level) == before


@pytest.mark.slow
def test_an_interrupt_ends_the_crawl_and_loses_no_download(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(100)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(100)])

    @contextmanager
    def interrupt(label: str, total: int) -> Iterator[Any]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if label == "photos" and done == 40:
                raise KeyboardInterrupt

        yield advance

    with pytest.raises(KeyboardInterrupt):
        run_crawl(engine, tmp_path, progress=interrupt, threads=4)
    assert 40 <= sum(photo_requests(engine.site).values()) < 200
    result = run_crawl(engine, tmp_path)
    assert len(result.rows) == 200
    assert sum(photo_requests(engine.site).values()) <= 200 + 4  # downloads in progress at the interrupt


def test_an_error_on_this_machine_ends_the_crawl(
    engine: ScriptedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "put", full)
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    with pytest.raises(OSError, match="No space left"):
        run_crawl(engine, tmp_path)
