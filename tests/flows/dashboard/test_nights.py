"""Names and tags of runs, the nights of a model, their picture, and the summary of a run."""

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from configs.schema import Config
from flows.dashboard import artifacts, nights, run_page, sender, trend
from flows.run_records import RunRecord, StageRecord
from tasks.store.manifest import Artifact
from tasks.store.store import Store
from tasks.text import percent


def record(
    number: int,
    value: float | None = 0.412,
    *,
    name: str = "whales",
    decision: str = "promoted",
    metric: str = "macro F1",
) -> RunRecord:
    """A run of the whole pipeline; without a value it failed before it was evaluated."""
    run = RunRecord.start("default", "evaluate", Config(name=name), number=number)
    run.started_at = datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(days=number)
    run.decision, run.reason = (decision, "the interval [0.001, 0.02] is above 0") if value is not None else ("", "")
    counts: dict[str, dict[str, Any]] = {"filter": {"kept": 1_200, "rejected": 30}}
    if value is not None:
        interval = {f"{metric} from": value - 0.05, f"{metric} to": value + 0.05}
        counts["evaluate"] = {"test photos": 90, metric: value, **interval}
    for stage, found in counts.items():
        artifact = Artifact(stage=stage, key=f"k{number}", digest="d")
        run.stages.append(StageRecord(artifact=artifact, cached=False, why="", seconds=2.5, counts=found))
    run.end("done" if value is not None else "failed", "" if value is not None else "the disk is full")
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    for run in (record(1, 0.4), record(2, None), record(3, 0.402), record(4, 0.9, name="dogs")):
        run.save(tmp_path)
    return Store(tmp_path)


def test_a_name_says_model_date_outcome_score_and_change(store: Store) -> None:
    before = nights.nights(store, "whales")
    assert nights.run_name(record(25), before) == "whales 26 Nov: promoted 0.412 (+0.010)"
    assert nights.run_name(record(25, decision="refused"), []) == "whales 26 Nov: refused 0.412"
    assert nights.run_name(record(25, None), before) == "whales 26 Nov: failed"
    refused = nights.night(record(24, 0.2, decision="refused"), store)
    assert nights.run_name(record(25, 0.4), [*before, refused]) == "whales 26 Nov: promoted 0.400 (-0.002)"
    assert nights.run_name(record(25, 0.4019), before) == "whales 26 Nov: promoted 0.402 (+0.000)"
    accuracies = [record(night, value, metric="accuracy") for night, value in ((24, 0.63), (25, 0.639))]
    first = nights.night(accuracies[0], store)
    assert nights.run_name(accuracies[1], [first]) == f"whales 26 Nov: promoted {percent(0.639)} (+0.9 points)"
    begun = RunRecord.start("default", "train", Config(name="wal\x1b"[:3]), number=9)
    begun.started_at = record(25).started_at
    assert nights.run_name(begun, before) == "wal 26 Nov: until train"


def test_tags_are_model_preset_and_decision() -> None:
    assert nights.tags(record(1)) == ["whales", "default", "promoted"]
    assert nights.tags(record(1, name="default", decision="rolled back")) == ["default", "rolled-back"]


def test_nights_are_those_of_one_model_oldest_first(store: Store) -> None:
    found = nights.nights(store, "whales")
    assert [night.outcome for night in found] == ["promoted", "failed", "promoted"]
    assert [night.score.value if night.score else None for night in found] == [0.4, None, 0.402]
    assert (found[0].photos, found[0].rejected, found[0].total_s) == (1_200, 30, 5.0)
    rows = nights.table(found)
    assert rows[0]["95 % interval"] == "0.352–0.452"
    assert list(rows[0])[:2] == ["night", "outcome"]  # the table is wider than its page
    assert (rows[1]["value"], rows[1]["photos"]) == ("", "1,200")


@pytest.mark.parametrize("count", [1, 2, 60])
def test_the_picture_is_valid_and_has_each_night(count: int, store: Store) -> None:
    shown = [nights.night(record(number % 27, 0.3 + number / 200), store) for number in range(count)]
    picture = trend.svg(shown)
    root = ET.fromstring(picture)
    assert len(root.findall(".//{*}circle")) == count
    assert "nan" not in picture
    assert len(picture) < 24_000  # the server stores two of them for each run
    x = [float(circle.get("cx", "")) for circle in root.findall(".//{*}circle")]
    assert x == sorted(x)
    assert all(0 < each < trend._WIDTH for each in x)


def test_two_nights_of_one_day_are_told_apart(store: Store) -> None:
    texts = [trend.svg([nights.night(record(day), store) for day in days]) for days in ((1, 2), (1, 1))]
    assert [">3 Nov<" in text for text in texts] == [True, False]
    assert " Nov 1" in texts[1]  # the hour follows


@pytest.mark.parametrize("value", [None, 0.5])
def test_a_single_night_without_numbers_is_drawn_too(value: float | None, store: Store) -> None:
    run = record(1, value)
    run.stages = run.stages if value else []
    root = ET.fromstring(trend.svg([nights.night(run, store)]))
    assert len(root.findall(".//{*}circle")) == (value is not None)


@pytest.mark.parametrize("name", ["whales", "Wale", "wale", "고래", "a/b", "-", "a" * 100, ""])
def test_a_key_has_only_the_characters_that_prefect_allows(name: str) -> None:
    with artifacts.named(name):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", artifacts.key("train"))
        assert (artifacts.key("train") == f"fluke-{name}-train") == (name in ("whales", "wale", "a" * 100))


def test_two_names_have_two_keys() -> None:
    keys = set()
    for name in ("Wale", "wale", "wale!", "고래", "개"):
        with artifacts.named(name):
            keys.add(artifacts.key("train"))
    assert len(keys) == 5


def test_the_end_of_a_run_sends_its_name_summary_trend_and_table(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(sender, "put", lambda message: sent.append(message._body))
    context = SimpleNamespace(flow_run=SimpleNamespace(id=uuid4(), tags=["fluke"]))
    for module in (run_page, artifacts):
        monkeypatch.setattr(module, "FlowRunContext", SimpleNamespace(get=lambda: context))
    run = record(25)
    run.notes = ["<b>disk"]
    run.save(store.root)
    run_page.begun(run)
    run_page.ended(run, store)
    _, renamed, page, picture, table = sent
    assert renamed == {
        "name": "whales 26 Nov: promoted 0.412 (+0.010)",
        "tags": ["fluke", "whales", "default", "promoted"],
    }
    assert [each["key"] for each in (page, picture, table)] == [
        f"fluke-whales-{x}" for x in ("summary", "trend", "nights")
    ]
    assert "**promoted**: the interval" in page["data"]
    assert "<b>" not in page["data"]
    assert "| 90 test photos, macro F1 0.412 (0.362–0.462) |" in page["data"]
    assert "](data:image/svg+xml;base64," in picture["data"]
    assert json.loads(table["data"])[0]["run"] == run.id


def test_damaged_records_of_other_runs_do_not_make_this_one_fail(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sender, "put", lambda message: None)
    (store.root / "runs" / "x.json").write_text("{")
    with caplog.at_level("INFO", "fluke.dashboard"):
        run_page.ended(record(25), store)
    assert "doesn't show the summary" in caplog.text
