"""The reason for a cache miss names the setting, parent, count or version that changed."""

from pathlib import Path

import pytest

from flows.why import differences, miss_reason
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
    _, before = publish(store, "filter", {"kept": 1500}, "a", config={"run": 1})
    _, after = publish(store, "filter", {"kept": 1510}, "b", config={"run": 2})
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
        "VERSION changed from 1 to 2",
        "setting train.augment.zoom changed from 0.1 to 0.2",
        "setting train.epochs changed from 30 to 40",
        "external input listing changed",
        "external input photos changed from 2,527 to 2,537",
        "the result of filter changed (kept changed from 1,500 to 1,510)",
    ]
    assert list(differences(store, old, old)) == []


def test_the_most_similar_artifact_is_the_one_compared(store: Store) -> None:
    publish(store, "train", {}, "a", config={"epochs": 1, "seed": 1})
    publish(store, "train", {}, "b", config={"epochs": 2, "seed": 0})
    reason = miss_reason(store, CacheKey(stage="train", version=1, config={"epochs": 3, "seed": 0}))
    assert reason.endswith("UTC, setting train.epochs changed from 2 to 3")


def test_never_built_and_damaged_have_different_reasons(store: Store) -> None:
    cache_key, made = publish(store, "train", {}, "a", config={"epochs": 1})
    assert miss_reason(store, cache_key.model_copy(update={"stage": "extract"})) == "it was never built"
    (store.folder(made) / "x").unlink()
    assert miss_reason(store, cache_key) == f"the stored artifact is damaged: {store.folder(made)}"
