from pathlib import Path

import pytest

from flows.run_records import data_root
from tasks.store.bucket import copies
from tasks.store.errors import UserError


def test_a_file_url_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", f"file://{tmp_path}/my%20data")
    assert data_root() == tmp_path / "my data"


@pytest.mark.parametrize("url", ["https://example.org/data", "s3://", "ftp://x", "s3://user:secret@bucket"])
def test_a_url_that_is_no_bucket_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", url)
    with pytest.raises(UserError, match="s3://BUCKET/PREFIX"):
        data_root()


def test_a_bucket_stands_for_a_local_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_CACHE", str(tmp_path))
    monkeypatch.setenv("FLUKE_DATA", "memory://copy/prefix/")
    root = data_root()
    assert root.parent == tmp_path
    copy = copies.of(root)
    assert copy is not None
    assert copy.url == "memory://copy/prefix"
    assert data_root() == root
