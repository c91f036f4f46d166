"""The flow of an ablation: its tasks run one after the other, and an ablation runs once at a time."""

import threading
from pathlib import Path

import pytest
from prefect.states import Completed

from flows.ablate import flow
from flows.ablate.one_at_a_time import OneAtATime
from tasks.store.errors import UserError


def test_an_ablation_that_is_running_is_not_started_again(tmp_path: Path) -> None:
    with flow._only_one(tmp_path, "x"), pytest.raises(UserError, match="ablation x is running already"):  # noqa: SIM117
        with flow._only_one(tmp_path, "x"):
            pass
    with flow._only_one(tmp_path, "x"):
        pass


def test_mistakes_in_a_deployments_parameters_are_the_message_of_the_failed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    for options, message in (
        ({"arms": ["train.epoch=5"]}, "unknown setting"),
        ({"photos_per_class": "20 some"}, "'some'"),
        ({"preset_settings": {"train.epochs": 0}}, "train.epochs"),
        ({"settings": "train: ["}, "YAML"),
    ):
        state = flow.served_ablation.fn(**options)  # type: ignore[arg-type]
        assert state.is_failed()
        assert message in state.message
        assert "\n" not in state.message


def test_mapped_tasks_run_in_the_thread_that_maps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, int]] = []

    def run(*, parameters: dict[str, str], **_: object) -> object:
        ran.append((parameters["title"], threading.get_ident()))
        return Completed(message=parameters["title"])

    monkeypatch.setattr("flows.ablate.one_at_a_time.run_task_sync", run)
    with OneAtATime() as runner:
        futures = [runner.submit(flow.arm, {"title": title}) for title in ("a", "b")]
        for future in futures:
            future.wait()
    assert ran == [("a", threading.get_ident()), ("b", threading.get_ident())]
    assert [future.state.message for future in futures] == ["a", "b"]
