"""The model that answers is replaced when another one becomes the champion."""

from collections.abc import Callable
from typing import Any

import pytest

from flows.api.champion import Champion
from tasks.store.errors import UserError
from tests.flows.api.conftest import a_run, photo

JPEG = {"Content-Type": "image/jpeg"}


def test_another_champion_answers_without_a_restart(
    champion: Champion, client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, before = client(), champion.current
    champion.refresh()
    assert champion.current is before  # nothing is loaded twice
    monkeypatch.setattr("flows.api.champion.find_run", lambda *_: a_run("second"))
    champion.refresh()
    assert api.post("/predict", content=photo(9), headers=JPEG).json()["model"] == "second"
    tile = before.model.tile(photo(9))
    assert len(before.batcher.submit(tile).result(10)) == 2  # requests that came before are still answered
    before.batcher.close()
    before.batcher._thread.join(10)
    assert not before.batcher._thread.is_alive()


def test_if_the_next_model_cant_be_loaded_the_one_before_answers(
    champion: Champion, client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deleted(*_: object) -> None:
        raise UserError("the model of run second has been deleted")

    api = client()
    monkeypatch.setattr("flows.api.champion.find_run", lambda *_: a_run("second"))
    monkeypatch.setattr(champion, "_load", deleted)
    champion.refresh()
    assert api.post("/predict", content=photo(9), headers=JPEG).json()["model"] == "first"
    health = api.get("/health").json()
    assert health == {
        "status": "outdated",
        "model": "first",
        "problem": "the model of run second has been deleted",
    }
    monkeypatch.setattr("flows.api.champion.find_run", lambda *_: a_run("first"))
    champion.refresh()
    assert api.get("/health").json()["status"] == "ok"
