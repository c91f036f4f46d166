"""The limit of trainings at once: asked for once, and not needed."""

import time

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import gpu_limit
from tests.helpers.servers import answering, silent


def test_without_such_a_limit_nothing_else_is_asked() -> None:
    with answering() as stand_in, temporary_settings({PREFECT_API_URL: stand_in.url}):
        stand_in.code = 404
        with gpu_limit.slot():
            pass
        assert [path for _, path, _ in stand_in.requests] == ["/api/v2/concurrency_limits/tag:gpu"]


def test_without_an_answer_the_training_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpu_limit, "REQUEST_TIMEOUT_S", 0.1)
    trained = []
    with silent() as address, temporary_settings({PREFECT_API_URL: address}):
        start = time.monotonic()
        with gpu_limit.slot():
            trained.append(True)
        assert time.monotonic() - start < 10
    assert trained
    assert "trains without a slot" in caplog.text


def test_an_error_of_the_training_is_not_taken_for_one_of_the_server() -> None:
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(OSError, match="disk"), gpu_limit.slot():
        raise OSError("the disk is full")
