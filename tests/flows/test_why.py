"""Reasons for a miss name the setting, the parent, the count or the version."""

from pathlib import Path

import pytest

from flows.why import _reason, differences
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def publish(
    store: Store, stage: str, counts: dict[str, int], text: str, **cache_key: object
) -> tuple[CacheKey, Artifact]:
    made = CacheKey(stage=stage, version=1, config={}).model_copy(update=cache_key)

    def build(out: Path) -> Result:
        (out / "x").write_text(text)
        return Result(counts)

    return made, store.publish(made, "", build)


def test_each_kind_of_change_is_named(store: Store) -> None:
    _, before = publish(store, "filter", {"kept": 1500}, "a", config={"night": 1})
    _, after = publish(store, "filter", {"kept": 1510}, "b", config={"night": 2})
    old = CacheKey(
        stage="train",
        version=1,
        config={"epochs": 30, "seed": 0, "augment": {"flip": "none", "zoom": 0.1}},
        parents={"kept": before},
        external_inputs={"photos": 2527, "listing": "0a"},
    )
    new = CacheKey(
        stage="train",
        version=2,
        config={"epochs": 40, "seed": 0, "augment": {"flip": "none", "zoom": 0.2}},
        parents={"kept": after},
        external_inputs={"photos": 2537, "listing": "0b"},
    )
    assert list(differences(store, old, new)) == [
        "VERSION went from 1 to 2",
        "train.augment.zoom went from 0.1 to 0.2",
        "train.epochs went from 30 to 40",
        "its source's listing changed",
        "its source's photos went from 2,527 to 2,537",
        "the result of filter changed (kept went from 1,500 to 1,510)",
    ]
    assert list(differences(store, old, old)) == []


def test_the_most_similar_artifact_is_compared_with(store: Store) -> None:
    publish(store, "train", {}, "a", config={"epochs": 1, "seed": 1})
    publish(store, "train", {}, "b", config={"epochs": 2, "seed": 0})
    reason = _reason(store, CacheKey(stage="train", version=1, config={"epochs": 3, "seed": 0}))
    assert reason.endswith("UTC, train.epochs went from 2 to 3")


def test_never_made_and_damaged_are_told_apart(store: Store) -> None:
    cache_key, made = publish(store, "train", {}, "a", config={"epochs": 1})
    assert _reason(store, cache_key.model_copy(update={"stage": "extract"})) == "it was never made"
    (store.folder(made) / "x").unlink()
    assert _reason(store, cache_key) == f"what there was is damaged: {store.folder(made)}"
