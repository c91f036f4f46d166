from pathlib import Path

import pytest

from flows.run_records import data_root
from tasks.store.errors import UserError


def test_a_file_url_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", f"file://{tmp_path}/my%20data")
    assert data_root() == tmp_path / "my data"


@pytest.mark.parametrize(
    "url", ["s3://bucket/prefix", "gs://bucket", "az://bucket", "https://example.org/data", "S3://b"]
)
def test_another_url_is_refused_with_what_to_do(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", url)
    with pytest.raises(UserError, match="fluke push RUN"):
        data_root()
