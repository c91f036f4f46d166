"""What people are told after a run: labels that wait for a review, decisions, failures."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from configs.load import with_memory
from configs.schema import Config
from flows.models.decision import Decision
from flows.notify import run_messages
from flows.run_records import RunRecord, StageRecord
from tasks.evaluate.to_review import DOUBTED
from tasks.store import counter
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact
from tasks.store.store import Store
from tasks.tables.evaluate import NOTES


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, list[str]]]:
    """What was told: kind, title and lines."""
    found: list[tuple[str, str, list[str]]] = []
    monkeypatch.setattr("flows.notify.tell", lambda _, kind, title, lines=(): found.append((kind, title, list(lines))))
    return found


def _run(root: Path, key: str, doubted: list[str]) -> RunRecord:
    """Save the record of a run whose training doubts the labels of some photos."""
    artifact = Artifact(stage="evaluate", key=key * 16, digest="0" * 64)
    folder = Store(root).folder(artifact)
    folder.mkdir(parents=True)
    NOTES.path(folder).write_text(json.dumps({DOUBTED: doubted}))
    record = RunRecord.start("whales", "evaluate", Config(), number=counter.next_number(root))
    record.stages.append(StageRecord(artifact=artifact, cached=False, why="", seconds=1, counts={}))
    record.end("done")
    record.save(root)
    return record


def test_labels_that_the_last_run_doubted_too_are_not_told_again(tmp_path: Path, told: list[Any]) -> None:
    run_messages.after(Config(), _run(tmp_path, "a", ["1", "2"]), tmp_path)
    run_messages.after(Config(), _run(tmp_path, "b", ["2"]), tmp_path)
    run_messages.after(Config(), _run(tmp_path, "c", ["2", "3"]), tmp_path)
    assert [(kind, lines[0].partition(" may")[0]) for kind, _, lines in told] == [
        ("waiting", "2 labels of train and validation photos"),
        ("waiting", "1 label of a train or validation photo"),
    ]
    assert told[0][2][1] == "To see them: fluke review whales"


def test_a_damaged_file_fails_no_run(tmp_path: Path, told: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    record = _run(tmp_path, "a", [])
    NOTES.path(Store(tmp_path).folder(record.stages[0].artifact)).write_text("{")
    run_messages.after(Config(), record, tmp_path)
    assert not told
    assert "nobody was told" in caplog.text


@pytest.mark.parametrize(
    ("outcome", "undecided", "kinds"),
    [
        ("promoted", "keep", ["promoted"]),
        ("refused", "keep", ["refused"]),
        ("undecided", "keep", []),
        ("undecided", "ask", ["waiting"]),
        ("unchanged", "ask", []),
    ],
)
def test_decisions_of_the_gate_are_told(
    outcome: Any, undecided: str, kinds: list[str], tmp_path: Path, told: list[Any]
) -> None:
    config = Config.model_validate({"promote": {"undecided": undecided}})
    decision = Decision(run="r", outcome=outcome, reason="Recall of orca fell by 20 points.", by="gate")
    run_messages.decided(config, _run(tmp_path, "a", []), decision)
    assert [kind for kind, _, _ in told] == kinds
    assert all(lines[0] == "Recall of orca fell by 20 points." for _, _, lines in told)


def _fail(parameters: dict[str, Any], message: str, data: object = None, *, crashed: bool = False) -> None:
    state = SimpleNamespace(message=message, data=data, is_crashed=lambda: crashed)
    run_messages.tell_failure(SimpleNamespace(name="pipeline"), SimpleNamespace(parameters=parameters), state)  # type: ignore[arg-type]


def test_a_failure_is_told_with_the_message_for_the_user(told: list[Any]) -> None:
    config = Config().model_dump(mode="json")
    _fail({"preset": "whales", "config": config}, "Flow run encountered an exception", UserError("no photos; add some"))
    assert told == [("failed", "whales: the run failed", ["no photos; add some"])]


def test_a_killed_process_is_told_but_no_ctrl_c(told: list[Any]) -> None:
    _fail({"preset": "whales"}, "Execution was aborted by an interrupt signal.", KeyboardInterrupt(), crashed=True)
    _fail(
        {"preset": "whales"},
        "Process exited with status code: -9. Process exited due to a SIGKILL signal.",
        crashed=True,
    )
    [(kind, title, [line])] = told
    assert (kind, title) == ("failed", "whales: the run was killed")
    assert line.startswith("Process exited with status code: -9: if nobody stopped it")


def test_a_run_with_invalid_settings_is_told_to_whom_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[Config] = []
    monkeypatch.setattr("flows.notify.tell", lambda config, *_: configs.append(config))
    _fail({"config": {"train": {"epoch": 3}, "notify": {"urls": ["json://example.org/x"]}}}, "invalid")
    _fail({"config": "nonsense"}, "invalid")
    assert [str(url) for url in configs[0].notify.urls] == ["json://example.org/***"]
    assert configs[1] == with_memory(Config(), "fluke")


@pytest.mark.parametrize(
    ("settings", "urls"),
    [
        ("notify:\n  urls: [json://host]", ["json://***"]),
        ("notify: [json://host]\ntrain: {epochs: many}", ["json://***"]),
        ("train: [", []),
    ],
)
def test_a_failed_deployment_is_told_to_whom_its_settings_name(
    monkeypatch: pytest.MonkeyPatch, settings: str, urls: list[str]
) -> None:
    configs: list[Config] = []
    monkeypatch.setattr("flows.notify.tell", lambda config, *_: configs.append(config))
    _fail({"preset": "whales", "settings": settings}, "Flow run encountered an exception", UserError("no photos"))
    assert [str(url) for url in configs[0].notify.urls] == urls
