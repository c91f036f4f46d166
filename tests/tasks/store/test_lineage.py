import shutil
from pathlib import Path

from tasks.store.lineage import trace
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.store import Store


def publish(store: Store, stage: str, setting: int = 0, **parents: Artifact) -> Artifact:
    cache_key = CacheKey(stage=stage, version=1, config={"setting": setting}, parents=parents)
    return store.publish(cache_key, "source", lambda out: Result({"things": setting}, digest=f"{stage}{setting}"))


def test_ancestors_are_in_the_order_of_the_stages_and_direct_ones_are_marked(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old_photos = publish(store, "crawl", 1)
    photos = publish(store, "crawl", 2)
    encoder = publish(store, "pretrain", 3, kept=publish(store, "filter", 1, photos=old_photos))
    kept = publish(store, "filter", 2, photos=photos)
    found = trace([store.folder(a) for a in (encoder, kept, photos, kept)], tmp_path)
    assert [(a.manifest.artifact.stage, a.manifest.counts["things"], a.is_direct) for a in found] == [
        ("crawl", 2, True),
        ("crawl", 1, False),
        ("filter", 2, True),
        ("filter", 1, False),
        ("pretrain", 3, True),
    ]


def test_an_ancestor_that_was_pruned_is_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    photos = publish(store, "crawl")
    kept = publish(store, "filter", photos=photos)
    shutil.rmtree(store.folder(photos))
    assert [a.manifest.artifact for a in trace([store.folder(kept)], tmp_path)] == [kept]
