"""Thumbnails of photos."""

from base64 import b64decode
from pathlib import Path

from tasks.images import photos, thumbnails
from tests.helpers.report import png


def test_a_thumbnail_has_the_colours_of_the_photo(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(200, (400, 300)))
    uri = thumbnails.of_file(tmp_path / "a.png")
    assert uri is not None
    pixels = photos.decode(b64decode(uri.partition(",")[2]))
    assert pixels.shape == (96, 128, 3)
    assert abs(int(pixels[50, 50, 0]) - 200) < 8
