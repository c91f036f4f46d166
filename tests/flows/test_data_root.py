from pathlib import Path

import pytest

from flows.cli.errors import report_error
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
    ("url", "meant"),
    [
        ("gs:/x", "gs://x"),
        ("s3:/team/live", "s3://team/live"),
        ("s3:team", "s3://team"),
        ("az:", "az://BUCKET/PREFIX"),
        ("file:/data", "file:///data"),
    ],
)
def test_a_url_without_a_slash_is_no_folder(url: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", url)
    with pytest.raises(UserError, match="did you mean") as caught:
        data_root()
    assert str(caught.value) == f"{url}: a slash is missing (did you mean {meant}?)"


@pytest.mark.parametrize("address", ["127.0.0.1:9000", "http://", "http://x:port", "https:/x", "http://a b"])
def test_a_server_without_a_url_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", "s3://bucket/prefix")
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(UserError, match="give http://HOST:PORT") as caught:
        data_root()
    assert str(caught.value).startswith(f"AWS_ENDPOINT_URL={address}: ")


def test_a_bucket_that_fails_is_not_asked_again_for_the_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("flows.cli.errors.data_root", lambda: pytest.fail("asked again"))
    assert report_error(UserError("the bucket: no")) == 2
    assert capsys.readouterr().err == "error: the bucket: no\n"


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
