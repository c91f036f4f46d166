import shutil
from pathlib import Path

import pytest

from configs.schema import Config
from flows.models.registry import Registry
from flows.moving.bucket import Bucket as BucketPlace
from flows.moving.copy import Copied, copy_run, place_of
from flows.moving.folder import Folder
from flows.moving.place import Place
from flows.run_records import RunRecord, read_records
from tasks.crawl import blocklist
from tasks.filter import review_log
from tasks.filter.memory.split_memory import SplitMemory
from tasks.store import counter
from tasks.store.bucket.connect import connect
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store
from tests.helpers.buckets import Bucket
from tests.helpers.faulty_proxy import Fault
from tests.helpers.nights import Nights, Photo


class Data:
    """A data folder with runs of the crawl's result and the filter."""

    def __init__(self, root: Path) -> None:
        self.nights = Nights(root, [Photo("dog" if seed % 2 else "cat", seed) for seed in range(20)], refers=True)
        self.root = root

    @property
    def record(self) -> RunRecord:
        """The record of its newest run."""
        return read_records(self.root)[0]

    def run(self, name: str = "demo") -> RunRecord:
        """Run, and write the record of a good run with the decision that its model is used."""
        outcome = self.nights.run()
        record = RunRecord.start(name, "evaluate", Config(), number=counter.next_number(self.root))
        record.add(outcome, 1.0)
        record.decision, record.reason = "promoted", "it is better"
        record.end("done")
        record.save(self.root)
        return record


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "data"
    Data(root).run()
    return root


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Data:
    """A data folder with one run."""
    shutil.copytree(made, tmp_path / "data")
    return Data(tmp_path / "data")


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> BucketPlace:
    return BucketPlace(connect(f"memory://{request.node.name}"))


def folder(tmp_path: Path, name: str = "copy") -> Folder:
    return Folder(tmp_path / name)


def intact(root: Path) -> list[Manifest]:
    """Return the manifests of all artifacts of a data folder, which must be undamaged."""
    store = Store(root)
    found = [manifest for stage in ("crawl", "filter") for manifest in store.manifests(stage)]
    assert all(store.valid(store.folder(manifest.artifact), verify=True) for manifest in found)
    return found


def test_a_run_comes_through_a_bucket_unchanged(data: Data, bucket: BucketPlace, tmp_path: Path) -> None:
    record = data.record
    copy_run(Folder(data.root), bucket, record.id)
    copied = copy_run(bucket, folder(tmp_path), None)
    assert copied.run == record.id
    assert {each.artifact for each in intact(tmp_path / "copy")} == {each.artifact for each in intact(data.root)}
    reached = SplitMemory(data.nights.config, tmp_path / "copy")
    assert reached.check() == 0
    assert reached.read() is not None


def test_the_copy_continues_where_the_run_was(data: Data, bucket: BucketPlace, tmp_path: Path) -> None:
    record = data.record
    copy_run(Folder(data.root), bucket, record.id)
    copy_run(bucket, folder(tmp_path), None)
    there = Nights(tmp_path / "copy", data.nights.crawl, refers=True)
    assert there.run().cached


def test_the_copy_is_used_there_although_another_place_has_decided_about_it(
    data: Data, bucket: BucketPlace, tmp_path: Path
) -> None:
    record = data.record
    copy_run(Folder(data.root), bucket, record.id)
    copy_run(bucket, folder(tmp_path), None)
    registry = Registry(tmp_path / "copy", "demo")
    assert registry.champion() == record.id
    (copied,) = read_records(tmp_path / "copy")
    assert copied.decision == "copied"
    assert copied.reason.endswith("promoted: it is better")


def test_folders_are_copied_between_without_a_bucket(data: Data, tmp_path: Path) -> None:
    record = data.record
    target = place_of(f"file://{tmp_path}/other")
    copy_run(Folder(data.root), target, record.id)
    assert len(intact(tmp_path / "other")) == 2


def test_a_second_copy_copies_only_what_is_new(data: Data, bucket: BucketPlace) -> None:
    first = data.record
    copied = copy_run(Folder(data.root), bucket, first.id)
    again = copy_run(Folder(data.root), bucket, first.id)
    assert copied.files > 20
    assert (again.files, again.present) == (20, 4)  # photos are asked for one by one


def test_photos_can_stay_behind(data: Data, bucket: BucketPlace, tmp_path: Path) -> None:
    record = data.record
    copy_run(Folder(data.root), bucket, record.id, photos=False)
    with pytest.raises(UserError, match=r"lacks photo photos/.*`--no-photos` copies all else"):
        copy_run(bucket, folder(tmp_path), None)
    copied = copy_run(bucket, folder(tmp_path), None, photos=False)
    assert not list((tmp_path / "copy" / "photos").glob("*/[!.]*"))
    assert any("without photos" in note for note in copied.notes)
    assert Store(tmp_path / "copy").manifests("filter")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_with_a_server_that_stumbles_nothing_is_half_copied(data: Data, s3: Bucket, tmp_path: Path, seed: int) -> None:
    record = data.record
    kinds: list[Fault] = ["500", "cut", "slow down", "truncate", "lose answer", "flip", "503"]
    count = seed

    def fault(method: str, path: str) -> Fault | None:
        nonlocal count
        count += 1
        return kinds[count // 5 % len(kinds)] if count % 5 == 0 else None

    s3.proxy.fault = fault
    copy_run(Folder(data.root), BucketPlace(s3.open("runs")), record.id)
    copy_run(BucketPlace(s3.open("runs")), folder(tmp_path), None)
    assert {each.artifact for each in intact(tmp_path / "copy")} == {each.artifact for each in intact(data.root)}


@pytest.mark.slow
@pytest.mark.parametrize("after", [3, 20, 30])
def test_a_copy_that_is_stopped_leaves_no_run_and_the_next_one_completes_it(
    data: Data, s3: Bucket, tmp_path: Path, after: int
) -> None:
    record = data.record
    left = after

    def fault(method: str, path: str) -> Fault | None:
        nonlocal left
        left -= method == "PUT"
        return "expired" if left < 0 else None

    s3.proxy.fault = fault
    with pytest.raises(UserError, match="expired"):
        copy_run(Folder(data.root), BucketPlace(s3.open()), record.id)
    s3.proxy.fault = lambda method, path: None
    with pytest.raises(UserError, match="no successful run"):
        copy_run(BucketPlace(s3.open()), folder(tmp_path), None)
    copy_run(Folder(data.root), BucketPlace(s3.open()), record.id)
    copy_run(BucketPlace(s3.open()), folder(tmp_path), None)
    assert len(intact(tmp_path / "copy")) == 2


@pytest.mark.slow
def test_a_pull_that_is_stopped_is_completed(data: Data, s3: Bucket, tmp_path: Path) -> None:
    record = data.record
    copy_run(Folder(data.root), BucketPlace(s3.open()), record.id)
    left = 15

    def fault(method: str, path: str) -> Fault | None:
        nonlocal left
        left -= "blobs" in path
        return "denied" if left < 0 else None

    s3.proxy.fault = fault
    with pytest.raises(UserError, match="rights"):
        copy_run(BucketPlace(s3.open()), folder(tmp_path), None)
    assert read_records(tmp_path / "copy") == []
    s3.proxy.fault = lambda method, path: None
    copy_run(BucketPlace(s3.open()), folder(tmp_path), None)
    assert len(intact(tmp_path / "copy")) == 2


def refused(source: Place, target: Place, run: str | None) -> str:
    with pytest.raises(UserError) as failed:
        copy_run(source, target, run)
    return str(failed.value)


def test_another_memory_of_the_split_is_not_mixed_in(data: Data, tmp_path: Path) -> None:
    record = data.record
    other = Data(tmp_path / "other")
    other.nights.config = data.nights.config.model_copy(update={"test_fraction": 0.5})
    other.run()
    assert "another memory of the split" in refused(Folder(data.root), Folder(other.root), record.id)


def test_an_older_memory_is_brought_up_to_date_and_a_newer_one_kept(data: Data, tmp_path: Path) -> None:
    first = data.record
    copy_run(Folder(data.root), folder(tmp_path), first.id)
    data.nights.crawl += [Photo("cat", seed) for seed in range(100, 120)]
    second = data.run()
    copy_run(Folder(data.root), folder(tmp_path), second.id)
    reached, here = (SplitMemory(data.nights.config, root).read() for root in (tmp_path / "copy", data.root))
    assert reached is not None
    assert here is not None
    assert reached.photos == here.photos
    copy_run(Folder(data.root), folder(tmp_path), first.id)
    kept = SplitMemory(data.nights.config, tmp_path / "copy").read()
    assert kept is not None
    assert kept.photos == here.photos


def test_forgotten_photos_do_not_come_back(data: Data, tmp_path: Path) -> None:
    record = data.record
    photo = next(iter((data.root / "photos").glob("*/*.jpg"))).stem
    blocklist.add(tmp_path / "copy", [photo])
    blocklist.add(data.root, ["https://example.org/gone.jpg"])
    copy_run(Folder(data.root), folder(tmp_path), record.id)
    assert not list((tmp_path / "copy" / "photos").glob(f"*/{photo}.*"))
    assert blocklist.read(tmp_path / "copy") == {photo, "https://example.org/gone.jpg"}


def test_other_decisions_stay(data: Data, tmp_path: Path) -> None:
    record = data.record
    (data.root / review_log.NAME).write_text("photo,label,action,to,decided_at\na,b,keep,,2026\n")
    target = tmp_path / "copy" / review_log.NAME
    target.parent.mkdir()
    target.write_text("photo,label,action,to,decided_at\nc,d,keep,,2026\n")
    copied = copy_run(Folder(data.root), folder(tmp_path), record.id)
    assert "c,d" in target.read_text()
    assert any("other decisions about photos" in note for note in copied.notes)


def test_a_lost_file_is_named(data: Data, bucket: BucketPlace) -> None:
    record = data.record
    lost = next(iter((data.root / "photos").glob("*/*.jpg")))
    lost.unlink()
    assert str(lost) in refused(Folder(data.root), bucket, record.id)


def test_a_lost_artifact_is_named(data: Data, bucket: BucketPlace) -> None:
    record = data.record
    shutil.rmtree(Store(data.root).folder(record.stages[0].artifact))
    assert "is missing or damaged" in refused(Folder(data.root), bucket, record.id)


def test_another_build_of_the_same_key_is_not_replaced(data: Data, tmp_path: Path) -> None:
    record = data.record
    copy_run(Folder(data.root), folder(tmp_path), record.id)
    place = tmp_path / "copy" / "artifacts" / "filter" / record.stages[0].artifact.key
    manifest = Manifest.read(place)
    other = Artifact(stage="filter", key=manifest.artifact.key, digest="other")
    manifest.model_copy(update={"artifact": other}).write(place)
    assert "another build" in refused(Folder(data.root), folder(tmp_path), record.id)


def test_an_unknown_run_and_a_missing_place_are_said(data: Data, bucket: BucketPlace, tmp_path: Path) -> None:
    assert "nobody" in refused(Folder(data.root), bucket, "nobody")
    assert "no such folder" in refused(folder(tmp_path, "none"), bucket, None)
    assert "no successful run" in refused(bucket, Folder(data.root), None)
    assert "are the same" in refused(Folder(data.root), Folder(data.root), None)


@pytest.mark.slow
def test_two_copies_at_once_both_arrive(data: Data, s3: Bucket, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    other = Data(tmp_path / "other")
    other.nights.config = data.nights.config.model_copy(update={"memory": "dogs"})
    records = data.record, other.run("dogs")

    def push(root: Path, run: str) -> Copied:
        return copy_run(Folder(root), BucketPlace(s3.open()), run)

    with ThreadPoolExecutor(2) as pool:
        copies = [pool.submit(push, place.root, run.id) for place, run in zip((data, other), records, strict=True)]
        for copy in copies:
            copy.result()
    for run in records:
        copy_run(BucketPlace(s3.open()), folder(tmp_path, run.preset), run.id)
        assert len(intact(tmp_path / run.preset)) == 2
