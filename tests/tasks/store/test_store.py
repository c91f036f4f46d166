"""The store: artifacts are published completely, reused if they are unchanged, and not reused if they are damaged."""

import json
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.store import hashing
from tasks.store.manifest import Artifact, CacheKey, FileRecord, Manifest, Result
from tasks.store.store import Store, size_bytes


def cache_key(**config: object) -> CacheKey:
    return CacheKey(stage="train", version=1, config=config)


def write(text: str, counts: dict[str, int] | None = None):
    def build(out: Path) -> Result:
        (out / "sub").mkdir()
        (out / "sub" / "a.txt").write_text(text)
        return Result(counts or {"things": 1})

    return build


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def test_published_artifact_is_found_with_its_manifest(store: Store) -> None:
    made = store.publish(cache_key(a=1), "code", write("x"))
    assert store.find(cache_key(a=1)) == made
    manifest = store.manifest(made)
    assert manifest.counts == {"things": 1}
    assert set(manifest.files) == {"sub/a.txt"}
    assert manifest.source == "code"
    assert store.find(cache_key(a=2)) is None


def test_the_key_depends_on_everything_that_determines_the_result() -> None:
    parent = Artifact(stage="filter", key="k", digest="d")
    base = CacheKey(stage="train", version=1, config={"a": 1}, parents={"kept": parent}, external_inputs={"photos": 3})
    changes = [
        {"stage": "extract"},
        {"version": 2},
        {"config": {"a": 2}},
        {"parents": {"kept": parent.model_copy(update={"digest": "e"})}},
        {"external_inputs": {"photos": 4}},
    ]
    keys = {base.model_copy(update=change).digest for change in changes}
    assert len(keys) == len(changes)
    assert base.digest not in keys


def test_a_parent_that_is_built_again_with_the_same_content_keeps_the_key() -> None:
    parent = Artifact(stage="filter", key="k", digest="d")
    again = Artifact(stage="filter", key="k-2", digest="d")
    one, two = (CacheKey(stage="train", version=1, config={}, parents={"kept": p}) for p in (parent, again))
    assert one.digest == two.digest


def test_the_digest_depends_on_the_content_not_on_place_or_time(store: Store, tmp_path: Path) -> None:
    one = store.publish(cache_key(), "", write("same"))
    two = Store(tmp_path / "elsewhere").publish(cache_key(other=1), "", write("same"))
    three = store.publish(cache_key(third=1), "", write("different"))
    assert one.digest == two.digest != three.digest


@pytest.mark.parametrize("verify", [False, True])
def test_a_missing_or_truncated_file_is_built_again(
    store: Store, verify: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for damage in ("missing", "shortened"):
        made = store.publish(cache_key(damage=damage), "", write("text"))
        path = store.folder(made) / "sub" / "a.txt"
        if damage == "missing":
            path.unlink()
        else:
            path.write_text("tex")
        with caplog.at_level(logging.WARNING):
            assert store.find(cache_key(damage=damage), verify=verify) is None
        assert str(path) in caplog.text
        again = store.publish(cache_key(damage=damage), "", write("text"))
        assert again.key == f"{made.key}-2"
        assert again.digest == made.digest
        assert store.find(cache_key(damage=damage)) == again


def test_a_damaged_newest_artifact_is_not_replaced_by_an_older_one(store: Store) -> None:
    store.publish(cache_key(), "", write("old"))
    newest = store.publish(cache_key(), "", write("new"))
    (store.folder(newest) / "sub" / "a.txt").unlink()
    assert store.find(cache_key()) is None
    assert store.publish(cache_key(), "", write("new")).key.endswith("-3")
    (store.folder(newest).parent / f"{cache_key().digest}-old").mkdir()  # a user's copy
    assert store.find(cache_key())


def test_one_changed_byte_is_found_by_verify(store: Store) -> None:
    made = store.publish(cache_key(), "", write("text"))
    (store.folder(made) / "sub" / "a.txt").write_text("teXt")
    assert store.find(cache_key()) == made
    assert store.find(cache_key(), verify=True) is None


@pytest.mark.parametrize("manifest", ["", "{", "{}", '{"artifact": 3}'])
def test_a_folder_without_a_valid_manifest_counts_as_no_artifact(store: Store, manifest: str) -> None:
    made = store.publish(cache_key(), "", write("text"))
    (store.folder(made) / "manifest.json").write_text(manifest)
    assert store.find(cache_key()) is None
    assert store.manifests("train") == []
    assert store.publish(cache_key(), "", write("text")).key.endswith("-2")


def test_a_damaged_file_in_a_pool_is_renamed(store: Store) -> None:
    shard = store.pools("extract") / "s.npy"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(b"12345")
    store.publish(cache_key(), "", lambda out: Result({}, refs={shard: FileRecord.of(shard)}))
    assert store.find(cache_key())
    shard.write_bytes(b"1234")
    assert store.find(cache_key()) is None
    assert shard.exists()  # only `repair` changes it
    assert store.find(cache_key(), repair=True) is None
    assert not shard.exists()  # so that the pool makes it again
    assert (shard.parent / ".damaged-s.npy").read_bytes() == b"1234"


def rewrite(manifest: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(manifest.read_bytes())
    change(content)
    manifest.write_text(json.dumps(content))


@pytest.fixture
def outside(store: Store) -> Path:
    """A file beside the data folder that must stay as it is."""
    path = store.root.parent / "outside" / "shadow.npy"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"secret")
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../outside/shadow.npy",
        "pools/../../outside/shadow.npy",
        "photos/../../outside/shadow.npy",
        "OUTSIDE",
        "pools//OUTSIDE",
        "pools/a\0b.npy",
        "pools/" + "x" * 5000,
        "",
        "pools/",
        "decisions.csv",
        "runs/1.json",
    ],
)
@pytest.mark.parametrize("where", ["refs", "files"])
def test_a_file_that_a_manifest_names_elsewhere_is_left_alone(
    store: Store, outside: Path, name: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = store.publish(cache_key(), "", write("text"))
    name = name.replace("OUTSIDE", str(outside))
    record = {"bytes": 1, "sha256": "0" * 64}
    (store.root / "decisions.csv").write_text("mine")
    rewrite(store.folder(made) / "manifest.json", lambda content: content[where].update({name: record}))
    assert store.find(cache_key(), verify=True, repair=True) is None
    assert [path.name for path in outside.parent.iterdir()] == ["shadow.npy"]
    assert (store.root / "decisions.csv").read_text() == "mine"
    assert len(caplog.messages) == 1
    assert "it will be built again" in caplog.text
    assert len(caplog.text) < 500
    assert store.publish(cache_key(), "", write("text")).key.endswith("-2")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["artifact"].update(stage="../../x"),
        lambda content: content["artifact"].update(key=".."),
        lambda content: content["artifact"].update(key="0" * 24),
        lambda content: content["recipe"].update(config={"a": 3}),
        lambda content: content["recipe"]["parents"].update(kept={"stage": "/etc", "key": "x", "digest": "d"}),
        lambda content: content["counts"].update(photos="many"),
        lambda content: content["counts"].update(photos=10**4000),
        lambda content: content["counts"].update(photos=float("nan")),
        lambda content: content["files"].update({"sub/a.txt": {"bytes": -1, "sha256": "x"}}),
        lambda content: content.update(made_at="2026-01-01T00:00:00"),
        lambda content: content.update(notes=3),
    ],
)
def test_a_manifest_with_other_content_than_the_store_writes_is_damaged(
    store: Store, change: Callable[[dict[str, Any]], None], caplog: pytest.LogCaptureFixture
) -> None:
    made = store.publish(cache_key(), "", write("text"))
    rewrite(store.folder(made) / "manifest.json", change)
    assert store.find(cache_key(), repair=True) is None
    assert store.manifests("train") == []
    assert "manifest.json is damaged (" in caplog.text


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' + "9" * 100_000 + "}", "\0", "\ud800", '"\\ud800"'])
def test_a_manifest_that_no_parser_reads_is_damaged(store: Store, text: str) -> None:
    made = store.publish(cache_key(), "", write("text"))
    (store.folder(made) / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert store.find(cache_key(), repair=True) is None


def test_a_pipe_in_place_of_a_file_is_not_waited_for(store: Store) -> None:
    made = store.publish(cache_key(), "", write("text"))
    for name in ("sub/a.txt", "manifest.json"):
        (store.folder(made) / name).unlink()
        os.mkfifo(store.folder(made) / name)
        assert store.find(cache_key(), verify=True) is None


def test_repair_leaves_files_behind_a_link_alone(store: Store, outside: Path) -> None:
    store.pools("extract").mkdir(parents=True)
    (store.pools("extract") / "key").symlink_to(outside.parent, target_is_directory=True)
    shard = store.pools("extract") / "key" / "shadow.npy"
    store.publish(cache_key(), "", lambda out: Result({}, refs={shard: FileRecord(bytes=1, sha256="0" * 64)}))
    assert store.find(cache_key(), verify=True, repair=True) is None
    assert outside.read_bytes() == b"secret"


def test_repair_keeps_an_intact_photo_whatever_a_manifest_says_of_it(store: Store) -> None:
    photo = store.photos / "2b" / f"{hashing.of_bytes(b'photo')}.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"photo")
    store.publish(cache_key(), "", lambda out: Result({}, refs={photo: FileRecord(bytes=1, sha256="0" * 64)}))
    assert store.find(cache_key(), repair=True) is None
    assert photo.exists()
    photo.write_bytes(b"other")
    assert store.find(cache_key(), repair=True) is None
    assert not photo.exists()


def test_a_link_in_place_of_what_a_killed_run_left_is_removed(store: Store, outside: Path) -> None:
    home = store.root / "artifacts" / "train"
    home.mkdir(parents=True)
    (home / f".partial-{cache_key().digest}").symlink_to(outside.parent, target_is_directory=True)
    store.publish(cache_key(), "", write("text"))
    assert outside.exists()
    assert not (outside.parent / "sub").exists()


def test_sizes_do_not_follow_links(store: Store, outside: Path) -> None:
    made = store.publish(cache_key(), "", write("text"))
    before = size_bytes(store.folder(made))
    (store.folder(made) / "link").symlink_to(outside.parent, target_is_directory=True)
    (store.folder(made) / "loop").symlink_to(".", target_is_directory=True)
    (store.folder(made) / "file").symlink_to(outside)
    assert size_bytes(store.folder(made)) < before + 200


def test_a_build_that_fails_publishes_nothing(store: Store) -> None:
    def build(out: Path) -> Result:
        (out / "half.txt").write_text("half")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        store.publish(cache_key(), "", build)
    assert store.find(cache_key()) is None
    assert list((store.root / "artifacts" / "train").iterdir()) == []


def _build_until_killed(root: Path, started: Path) -> None:
    store = Store(root)

    def build(out: Path) -> Result:
        (out / "half.txt").write_text("half")
        started.touch()
        time.sleep(60)
        raise AssertionError("should have been killed")

    with store.lock(cache_key()):
        store.publish(cache_key(), "", build)


def test_kill_9_leaves_no_artifact_and_no_lock(store: Store, tmp_path: Path) -> None:
    started = tmp_path / "started"
    process = multiprocessing.get_context("spawn").Process(target=_build_until_killed, args=(store.root, started))
    process.start()
    while not started.exists():
        assert process.is_alive()
        time.sleep(0.01)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert store.find(cache_key()) is None
    with store.lock(cache_key()):
        made = store.publish(cache_key(), "", write("whole"))
    assert store.find(cache_key(), verify=True) == made
    assert [path.name for path in (store.root / "artifacts" / "train").iterdir()] == [made.key]


def _get_or_build(root: Path, built: Path) -> None:
    store = Store(root)

    def build(out: Path) -> Result:
        with built.open("a") as log:
            log.write("built\n")
        time.sleep(0.3)
        return write("text")(out)

    with store.lock(cache_key()):
        if store.find(cache_key()) is None:
            store.publish(cache_key(), "", build)


@pytest.mark.slow
def test_two_runs_at_the_same_time_build_once(store: Store, tmp_path: Path) -> None:
    built = tmp_path / "built.log"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_get_or_build, args=(store.root, built)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert built.read_text() == "built\n"
    assert store.find(cache_key(), verify=True)


def test_the_manifest_is_json_that_people_can_read(store: Store) -> None:
    made = store.publish(cache_key(epochs=3), "", write("x"))
    text = json.loads((store.folder(made) / "manifest.json").read_text())
    assert text["recipe"]["config"] == {"epochs": 3}
    assert Manifest.read(store.folder(made)).artifact == made


def test_the_newest_artifact_has_the_highest_number_whatever_the_clock_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    years = {"before": 2026, "of a clock a year ahead": 2027, "after": 2026}
    for name, year in years.items():
        key = CacheKey(stage="train", version=1, config={"name": name})
        folder = store.folder(store.publish(key, "", lambda _: Result({})))
        Manifest.read(folder).model_copy(update={"made_at": datetime(year, 11, 26, tzinfo=UTC)}).write(folder)
    newest_first = [manifest.cache_key.config["name"] for manifest in store.manifests("train")]
    assert newest_first == list(reversed(years))


def test_artifacts_without_a_number_are_older_than_all_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name, number, year in (("numbered", 1, 2025), ("late", 0, 2027), ("early", 0, 2026)):
        key = CacheKey(stage="train", version=1, config={"name": name})
        folder = store.folder(store.publish(key, "", lambda _: Result({})))
        update = {"number": number, "made_at": datetime(year, 1, 1, tzinfo=UTC)}
        Manifest.read(folder).model_copy(update=update).write(folder)
    assert [manifest.cache_key.config["name"] for manifest in store.manifests("train")] == ["numbered", "late", "early"]


def test_sizes_leave_out_what_links_lead_to(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 10_000)
    (folder / "deep" / "file").write_bytes(b"x" * 100)
    (folder / "link").symlink_to(outside)
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    assert 100 < size_bytes(folder) < 1000
    assert size_bytes(tmp_path / "deleted meanwhile") == 0
