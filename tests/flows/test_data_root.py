from pathlib import Path

import pytest

from flows.run_records import data_root
from tasks.store.bucket import copies
from tasks.store.bucket.problems import bucket_error
from tasks.store.errors import UserError


def test_a_file_url_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", f"file://{tmp_path}/my%20data")
    assert data_root() == tmp_path / "my data"


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.org/data", "s3://", "ftp://x", "s3://user:secret@bucket", "memory://x", "file://relative"),
        "gcs://user:secret@bucket/prefix",
    ],
)
def test_a_url_that_is_no_bucket_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", url)
    with pytest.raises(UserError, match="s3://BUCKET/PREFIX") as caught:
        data_root()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("s3://bucket/prefix", "AWS_ACCESS_KEY_ID"),
        ("gs://bucket/prefix", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://container/prefix", "AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_an_error_about_credentials_names_the_variables_of_the_provider(url: str, variable: str) -> None:
    error = bucket_error(url, RuntimeError("error performing token request"))
    assert str(error).startswith(f"{url}: no credentials were found; set {variable}")
    assert "\n" not in str(error)


def test_a_bucket_stands_for_a_local_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_CACHE", str(tmp_path))
    monkeypatch.setenv("FLUKE_DATA", "memory://copy/prefix/")
    monkeypatch.setattr("flows.mirrored.require_lasting", lambda url: url)
    root = data_root()
    assert root.parent == tmp_path
    copy = copies.of(root)
    assert copy is not None
    assert copy.url == "memory://copy/prefix"
    assert data_root() == root
