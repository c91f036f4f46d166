"""Files of photos: each is stored once, under its SHA-256."""

from pathlib import Path

from tasks.images import photo_files
from tests.helpers.filtering import jpeg


def test_a_photo_is_stored_once_under_its_sha256(tmp_path: Path) -> None:
    data = jpeg(0)
    sha256, path = photo_files.put(tmp_path, data)
    before = path.stat().st_mtime_ns
    assert photo_files.put(tmp_path, data) == (sha256, path)
    assert path.stat().st_mtime_ns == before
    assert path == tmp_path / sha256[:2] / f"{sha256}.jpg"
    assert photo_files.record(path).problem(path, verify=True) is None


def test_a_shortened_stored_photo_is_written_again(tmp_path: Path) -> None:
    data = jpeg(0)
    _, path = photo_files.put(tmp_path, data)
    path.write_bytes(data[:50])
    photo_files.put(tmp_path, data)
    assert path.read_bytes() == data
