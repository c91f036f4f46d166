"""Forgetting a photo: it is deleted, what was made from it is listed, and it doesn't come back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs.schema import Config, CrawlConfig, FilterConfig, PreprocessConfig
from flows import preflight
from flows.maintenance.forget import find_traces, forget
from flows.maintenance.prune import delete_item
from flows.pipeline import stages
from tasks import tables
from tasks.crawl import blocklist
from tasks.crawl.stage import LEDGER
from tasks.filter.memory import memory_file, split_memory
from tasks.filter.memory.split_memory import SplitMemory
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import Shard
from tasks.store.stage import Run
from tasks.store.store import Store
from tests.helpers import stored_tables
from tests.helpers.pipeline import write_photos


class Home:
    """Photos in a folder, and the pipeline over them as far as the tiles."""

    def __init__(self, root: Path) -> None:
        write_photos(root / "in", 12)
        self.store = Store(root / "data")
        self.config = Config(
            crawl=CrawlConfig(path=root / "in"),
            filter=FilterConfig(min_side_px=8),
            preprocess=PreprocessConfig(side_px=8),
        )

    def run(self) -> dict[str, Artifact]:
        with ThreadPoolExecutor(2) as executor:
            run = Run(self.store, executor)
            made = {}
            for artifact in stages(self.config, lambda *how, **parents: run.get_or_build(*how, **parents).artifact):
                made[artifact.stage] = artifact
                if artifact.stage == "preprocess":
                    break
        return made

    def table(self, artifact: Artifact, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.store.folder(artifact) / f"{name}.parquet")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_forgotten_photo_is_missing_from_everything_built_afterwards(home: Home) -> None:
    before = home.run()
    victim = home.table(before["filter"], "kept").iloc[0]
    traces = find_traces(home.store, victim["photo"])
    assert [path.stem for path in traces.files] == [victim["photo"]]
    assert {made.artifact for made in traces.artifacts} == set(before.values())
    assert len(traces.shards) == 3  # image statistics, times and tiles
    assert {Path(place).name for place in traces.locations} == {Path(victim["name"]).name}
    forget(home.store, traces)
    assert not traces.files[0].exists()
    after = home.run()
    assert victim["photo"] not in set(home.table(after["crawl"], "photos")["photo"])
    assert len(home.table(after["crawl"], "photos")) == 11
    assert not traces.files[0].exists()
    assert victim["photo"] in blocklist.read(home.store.root)


def test_purge_deletes_everything_made_from_the_photo(home: Home) -> None:
    made = home.run()
    photo = home.table(made["filter"], "kept").iloc[0]["photo"]
    traces = find_traces(home.store, photo.upper())
    forget(home.store, traces, purge=True)
    assert not any(home.store.folder(artifact).exists() for artifact in made.values())
    assert not any(path.exists() or path.with_suffix(".json").exists() for path in traces.shards)
    after = home.run()
    assert find_traces(home.store, photo).artifacts == ()
    assert len(home.table(after["filter"], "kept")) == 11


def test_purge_deletes_features_and_warm_started_classifiers_too(home: Home) -> None:
    photo = home.table(home.run()["filter"], "kept").iloc[0]["photo"]
    shard = Shard.write(home.store.pools("extract") / "pool", [f"{photo}-{'0' * 24}"], np.zeros((1, 2)))
    under_way = home.store.pools("train") / "under-way" / "key"
    under_way.mkdir(parents=True)

    def build(out: Path) -> Result:
        stored_tables.write(tables.train.TRAINED_ON, pd.DataFrame({"photo": [photo]}), out)
        return Result({})

    later = home.store.publish(CacheKey(stage="train", version=1, config={}), "", build)
    traces = find_traces(home.store, photo)
    assert shard.path in traces.shards
    assert later in {made.artifact for made in traces.artifacts}
    forget(home.store, traces, purge=True)
    assert not under_way.exists()


def test_a_rejected_photo_is_in_no_artifact_after_the_filter(home: Home) -> None:
    first = next((home.config.crawl.path / "black").glob("*.png"))  # type: ignore[operator]
    first.write_bytes(first.read_bytes()[:100])
    made = home.run()
    photo = home.table(made["filter"], "rejected").iloc[0]["photo"]
    assert [made.artifact.stage for made in find_traces(home.store, photo).artifacts] == ["crawl", "filter"]


def test_a_photo_that_is_only_scored_apart_is_in_the_later_artifacts(home: Home) -> None:
    first = next((home.config.crawl.path / "black").glob("*.png"))  # type: ignore[operator]
    first.write_bytes(first.read_bytes()[:100])
    made = home.run()
    rejected = home.table(made["filter"], "rejected").iloc[0]
    row = {name: rejected[name] for name in ("photo", "file", "label", "name")}
    row |= {"group": rejected["photo"], "split": "test", "reason": "too dark"}
    tables.filter.REMOVED.write_rows([row], home.store.folder(made["filter"]))
    assert {made.artifact for made in find_traces(home.store, rejected["photo"]).artifacts} == set(made.values())
    tables.filter.REMOVED.path(home.store.folder(made["filter"])).unlink()  # as a filter of an earlier version
    found = find_traces(home.store, rejected["photo"]).artifacts
    assert [made.artifact.stage for made in found] == ["crawl", "filter"]


@pytest.mark.parametrize("url", ["https://example.org/me.jpg", "http://a[b.example.org/me.jpg"])
def test_an_unknown_url_is_blocked_and_an_unknown_name_is_refused(home: Home, url: str) -> None:
    forget(home.store, find_traces(home.store, url))
    assert blocklist.read(home.store.root) == {url}
    with pytest.raises(UserError, match=r"'me' is not in .*; give the photo's file, or its URL or SHA-256"):
        find_traces(home.store, "me")


def test_a_photo_of_a_folder_is_forgotten_by_its_file_which_stays(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.run()
    photo = next((home.config.crawl.path / "black").glob("*.png"))  # type: ignore[operator]
    forget(home.store, find_traces(home.store, str(photo)))
    assert photo.is_file()
    made = home.run()
    assert "1 photo is skipped: on the list of forgotten photos" in caplog.text
    assert photo.name not in {Path(name).name for name in home.table(made["crawl"], "photos")["name"]}


def test_forget_is_refused_during_a_run(home: Home) -> None:
    traces = find_traces(home.store, "https://example.org/me.jpg")
    with preflight.in_use(home.store.root), pytest.raises(UserError, match="a run is using this data folder"):
        forget(home.store, traces)
    assert blocklist.read(home.store.root) == frozenset()


def test_a_copy_set_aside_as_damaged_is_deleted_too(home: Home) -> None:
    made = home.run()
    photo = home.table(made["filter"], "kept").iloc[0]["photo"]
    traces = find_traces(home.store, photo)
    aside = traces.files[0].with_name(f".damaged-{traces.files[0].name}")
    aside.write_bytes(traces.files[0].read_bytes())
    forget(home.store, find_traces(home.store, photo))
    assert not [path for path in home.store.photos.rglob("*") if photo in path.name]


def test_a_damaged_artifact_counts_as_containing_the_photo(home: Home) -> None:
    made = home.run()
    photo = home.table(made["filter"], "kept").iloc[0]["photo"]
    tables.filter.KEPT.path(home.store.folder(made["filter"])).write_bytes(b"")
    assert {made.artifact for made in find_traces(home.store, photo).artifacts} == set(made.values())


def test_a_url_is_found_although_the_ledger_was_deleted(home: Home) -> None:
    made = home.run()
    table = tables.crawl.PHOTOS.path(home.store.folder(made["crawl"]))
    rows = pd.read_parquet(table)
    rows["url"] = [f"https://example.org/{number}.jpg" for number in range(len(rows))]
    rows.to_parquet(table)
    (home.store.pools("crawl") / LEDGER).unlink()
    traces = find_traces(home.store, "https://example.org/3.jpg")
    assert traces.sha256s == {rows["photo"][3]}
    assert len(traces.files) == 1
    assert {made.artifact for made in traces.artifacts} == set(made.values())


@pytest.mark.parametrize("name", ["*", "../*", "../../../mine", "**", "[a-z0-9]*", "x" * 300, "a\0b"])
def test_a_table_that_names_other_files_as_the_photo_deletes_none(home: Home, tmp_path: Path, name: str) -> None:
    made = home.run()
    (tmp_path / "mine.jpg").write_text("mine")
    path = tables.crawl.PHOTOS.path(home.store.folder(made["crawl"]))
    photos = pd.read_parquet(path)
    photos.loc[0, ["photo", "url"]] = [name, "http://a.example/x.jpg"]
    photos.to_parquet(path, index=False)
    traces = find_traces(home.store, "http://a.example/x.jpg")
    assert traces.files == ()
    forget(home.store, traces, purge=True)
    assert (tmp_path / "mine.jpg").exists()
    assert len(list(home.store.photos.rglob("*.*"))) == 12


def test_purge_removes_a_link_in_place_of_an_artifact_not_its_target(home: Home, tmp_path: Path) -> None:
    made = home.run()
    folder = home.store.folder(made["preprocess"])
    moved = folder.rename(tmp_path / folder.name)
    folder.symlink_to(moved, target_is_directory=True)
    forget(home.store, find_traces(home.store, home.table(made["filter"], "kept").iloc[0]["photo"]), purge=True)
    assert not folder.is_symlink()
    assert (moved / "manifest.json").exists()


def test_without_purge_a_memory_keeps_the_row_and_with_it_only_the_rows_of_others(home: Home) -> None:
    made = home.run()
    memory = SplitMemory(home.config.filter, home.store.root)
    before = memory.read()
    assert before
    first, second = home.table(made["filter"], "kept")["photo"][:2]
    forget(home.store, find_traces(home.store, first))
    kept = memory.read()
    assert kept
    assert memory_file.encode(kept) == memory_file.encode(before)
    forget(home.store, find_traces(home.store, second), purge=True)
    left = memory.read()
    assert left
    assert memory_file.encode(left) == memory_file.encode(before.without([second]))
    home.run()  # the memory isn't older than a result that is still there


def test_purge_deletes_results_that_name_the_photo_among_those_that_have_left(home: Home) -> None:
    first = home.table(home.run()["filter"], "kept").iloc[0]
    assert home.config.crawl.path
    next(home.config.crawl.path.rglob(Path(first["name"]).name)).unlink()
    later = home.run()["filter"]
    assert later not in {trace.artifact for trace in find_traces(home.store, first["photo"]).artifacts}
    row = pd.DataFrame({"photo": [first["photo"]], "split": ["test"]})
    tables.filter.ABSENT.write(row, home.store.folder(later))
    assert later in {trace.artifact for trace in find_traces(home.store, first["photo"]).artifacts}


def test_a_purge_that_was_killed_finds_the_rest_by_the_same_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = home.table(home.run()["filter"], "kept").iloc[0]
    (place,) = find_traces(home.store, victim["photo"]).locations

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(split_memory, "forget", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(home.store, find_traces(home.store, place), purge=True)
    forget(home.store, find_traces(home.store, place), purge=True)
    memory = SplitMemory(home.config.filter, home.store.root).read()
    assert memory
    assert victim["photo"] not in memory.photos


def test_a_purge_that_was_killed_between_two_artifacts_finds_the_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = home.run()
    photo = home.table(made["filter"], "kept").iloc[0]["photo"]
    deleted: list[Path] = []

    def killed_after_one(root: Path, path: Path) -> None:
        if deleted:
            raise KeyboardInterrupt
        deleted.append(path)
        delete_item(root, path)

    with monkeypatch.context() as patch:
        patch.setattr("flows.maintenance.forget.delete_item", killed_after_one)
        with pytest.raises(KeyboardInterrupt):
            forget(home.store, find_traces(home.store, photo), purge=True)
    forget(home.store, find_traces(home.store, photo), purge=True)
    assert not any(home.store.folder(artifact).exists() for artifact in made.values())
