import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.store import hashing
from tasks.store.bucket.blobs import Blobs
from tasks.store.bucket.connect import connect
from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError, bucket_error
from tasks.store.bucket.retries import Retries
from tasks.store.manifest import FileRecord
from tests.helpers.buckets import Bucket
from tests.helpers.faulty_proxy import Fault


def record(data: bytes) -> FileRecord:
    return FileRecord(bytes=len(data), sha256=hashing.of_bytes(data))


def once_each(*faults: Fault, methods: tuple[str, ...] = ("GET", "PUT", "HEAD")) -> Callable[[str, str], Fault | None]:
    """The first requests meet a fault each, the others none."""
    left: Iterator[Fault] = iter(faults)
    return lambda method, path: next(left, None) if method in methods else None


def test_a_written_object_is_read_and_a_missing_one_is_none(bucket: Bucket) -> None:
    objects = bucket.open("prefix")
    objects.put("a/b", b"content")
    assert objects.read("a/b", record(b"content")) == b"content"
    assert objects.read("a/c", record(b"content")) is None
    assert objects.state("a/c") is None
    assert objects.exists("a/b", 7)
    assert not objects.exists("a/b", 8)
    objects.delete("a/b")
    objects.delete("a/c")
    assert not objects.exists("a/b", 7)


def test_of_two_writers_the_first_wins(bucket: Bucket) -> None:
    objects = bucket.open()
    first = objects.put_if("head", b"1", None)
    assert first is not None
    assert objects.put_if("head", b"other", None) is None
    assert objects.put_if("head", b"2", first) is not None
    assert objects.put_if("head", b"other", first) is None
    stored = objects.state("head")
    assert stored is not None
    assert stored.data == b"2"


@pytest.mark.slow
def test_of_many_writers_at_once_each_is_counted(bucket: Bucket) -> None:
    def add_one() -> None:
        objects = bucket.open()
        while True:
            stored = objects.state("count")
            number, generation = (int(stored.data.split()[0]), stored.generation) if stored else (0, None)
            mine = f"{number + 1} {threading.get_ident()}".encode()
            if objects.put_if("count", mine, generation):
                return

    threads = [threading.Thread(target=add_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = bucket.open().state("count")
    assert stored is not None
    assert stored.data.split()[0] == b"6"


@pytest.mark.slow
def test_errors_that_pass_are_tried_again(bucket: Bucket) -> None:
    objects = bucket.open()
    bucket.proxy.fault = once_each("500", "503", "slow down", "lose answer")
    objects.put("a", b"content" * 100)
    bucket.proxy.fault = once_each("500", "503", "cut", "hang")
    assert objects.read("a", record(b"content" * 100)) == b"content" * 100
    assert bucket.proxy.requests == {"PUT": 5, "GET": 5}


def test_a_write_whose_answer_was_lost_counts_as_ours(bucket: Bucket) -> None:
    objects = bucket.open()
    bucket.proxy.fault = once_each("lose answer", methods=("PUT",))
    generation = objects.put_if("head", b"mine", None)
    assert generation is not None
    assert objects.put_if("head", b"mine 2", generation) is not None


def test_a_truncated_state_is_read_again(bucket: Bucket) -> None:
    objects = bucket.open()
    objects.put_if("head", b"0123456789" * 10, None)
    bucket.proxy.fault = once_each("truncate", "flip", "cut", methods=("GET",))
    stored = objects.state("head")
    assert stored is not None
    assert stored.data == b"0123456789" * 10


@pytest.mark.parametrize("fault", ["cut", "truncate", "flip"])
def test_a_wrong_content_is_never_kept(bucket: Bucket, tmp_path: Path, fault: Fault) -> None:
    blobs, data = Blobs(bucket.open()), b"photo" * 100_000
    blobs.put(record(data), data)
    bucket.proxy.fault = once_each(fault, fault, methods=("GET",))
    blobs.fetch(record(data), tmp_path / "photo")
    assert (tmp_path / "photo").read_bytes() == data
    bucket.proxy.fault = lambda method, path: fault
    with pytest.raises(BucketError, match=r"s3://.*blobs/"):
        blobs.fetch(record(data), tmp_path / "again")


def test_giving_up_names_the_object_the_reason_and_the_remedy(bucket: Bucket) -> None:
    bucket.proxy.fault = lambda method, path: "slow down"
    with pytest.raises(BucketError) as failed:
        bucket.open("p", Retries(tries=3, first_pause_s=0.001)).state("a")
    message = f"{bucket.url}/p/a: the server answers 503 SlowDown, after 3 tries; run the same command again later"
    assert str(failed.value).startswith(message)
    assert bucket.proxy.requests["GET"] == 3


@pytest.mark.parametrize(("fault", "words"), [("expired", "expired or are not valid; log in"), ("denied", "rights")])
def test_what_does_not_pass_is_not_tried_again(bucket: Bucket, fault: Fault, words: str) -> None:
    bucket.proxy.fault = lambda method, path: fault
    with pytest.raises(BucketError, match=words):
        bucket.open().put("a", b"x")
    with pytest.raises(BucketError, match=words):
        bucket.open().exists("a", 1)
    assert bucket.proxy.requests == {"PUT": 1, "HEAD": 1}


def test_a_missing_bucket_is_said(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BucketError, match=r"s3://there-is-none/head: there is no such bucket"):
        connect("s3://there-is-none").state("head")


def test_a_server_that_is_down_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(
        BucketError, match=r"can't be reached, after 7 tries; check AWS_ENDPOINT_URL=http://127.0.0.1:9"
    ):
        connect("s3://bucket", retries=Retries(tries=7, first_pause_s=0.001)).state("head")
    assert caplog.messages == ["s3://bucket/head: the server can't be reached; trying again, up to 7 times"]


def test_an_account_that_is_no_account_is_said() -> None:
    error = bucket_error("s3://bucket/head", RuntimeError("status code: 403 <Code>SignatureDoesNotMatch</Code>"))
    assert str(error) == (
        "s3://bucket/head: the server doesn't know these credentials; correct AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY"
    )


def test_half_of_the_credentials_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    with pytest.raises(BucketError, match="no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        connect("s3://bucket")


@pytest.mark.parametrize("url", ["ftp://bucket", "s3://", "s3:///prefix", "s3://user:secret@bucket", "s3://bucket?x=1"])
def test_a_url_that_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(BucketError) as failed:
        connect(url)
    assert "s3://BUCKET/PREFIX" in str(failed.value)
    assert "secret" not in str(failed.value)


def test_a_full_disk_is_not_taken_for_a_bad_connection(bucket: Bucket) -> None:
    blobs, data = Blobs(bucket.open()), b"x" * 10_000
    blobs.put(record(data), data)
    with pytest.raises(OSError, match="No space left") as failed:
        blobs.fetch(record(data), Path("/dev/full"))
    assert failed.value.errno == errno.ENOSPC
    assert bucket.proxy.requests["GET"] == 1


def test_a_content_is_uploaded_once(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(b"rows")
    blobs = Blobs(bucket.open())
    assert blobs.put(record(b"rows"), path)
    assert not blobs.put(record(b"rows"), path)
    assert not Blobs(bucket.open()).put(record(b"rows"), path)
    assert bucket.proxy.requests == {"HEAD": 2, "PUT": 1}


def test_memory_has_the_same_conditions() -> None:
    objects: Objects = connect("memory://conditions")
    first = objects.put_if("head", b"1", None)
    assert first is not None
    assert objects.put_if("head", b"2", None) is None
    assert objects.put_if("head", b"2", first) is not None
    assert objects.put_if("head", b"3", first) is None
