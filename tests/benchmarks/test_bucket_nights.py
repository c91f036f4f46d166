from pathlib import Path

import pytest

from benchmarks.bucket_nights import kill_nights


@pytest.mark.long
def test_a_killed_worker_client_and_server_change_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "PYTHONPATH"):
        monkeypatch.setenv(name, "")  # so that they are as before, afterwards
    monkeypatch.setattr("tasks.store.bucket.copies._mirrors", {})
    assert kill_nights(tmp_path, nights=3, photos=60, seed=1) == 0
