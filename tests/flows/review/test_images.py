"""Images for the browser."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flows.local_page.images import ImageCache


def test_photos_are_sent_small_and_large_and_encoded_again(page: Any) -> None:
    photo = page.rows()[0]["photo"]
    original = (page.root / page.review_list.files[photo]).read_bytes()
    for size in ("small", "large"):
        response = page.get(f"picture/{photo}/{size}")
        assert response.status_code == 200
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.content != original
        assert Image.open(io.BytesIO(response.content)).size == (85, 64)


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd/small",
        "..%2f..%2f..%2fetc%2fpasswd/small",
        "%2e%2e/%2e%2e/small",
        "photos%2f00/small",
        "{photo}/huge",
        "{photo}/..",
        "{photo}.jpg/small",
        "{photo}%00/small",
        "{other}/small",
        "0/small",
    ],
)
def test_only_photos_of_the_list_are_shown_and_only_by_their_digest(page: Any, path: str) -> None:
    photo = page.rows()[0]["photo"]
    path = path.format(photo=photo, other="0" * 64)
    response = page.client.get(f"http://127.0.0.1:8000/secret/picture/{path}")
    assert response.status_code == 404
    assert "root:" not in response.text


def test_a_table_cannot_name_files_outside_the_data_folder(tmp_path: Path) -> None:
    Image.new("RGB", (60, 60)).save(tmp_path / "outside.png")
    (tmp_path / "data" / "photos").mkdir(parents=True)
    outside = ["../outside.png", "photos/../../outside.png", str(tmp_path / "outside.png"), "photos/nul\0.png"]
    images = ImageCache(tmp_path / "data", dict(zip("abcd", outside, strict=True)))
    assert [images.get(photo, "small") for photo in "abcd"] == [None] * 4


@pytest.mark.parametrize("linked", ["photos", "."])
def test_the_photos_may_be_on_another_disk(page: Any, tmp_path: Path, linked: str) -> None:
    """The owner replaced the folder of photos, or the data folder, by a link."""
    folder = page.root / linked
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    photo = page.rows()[0]["photo"]
    assert page.get(f"picture/{photo}/small").status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"\xff\xd8\xff<script>alert(1)</script>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"",
    ],
)
def test_files_that_are_not_photos_never_reach_the_browser(page: Any, data: bytes) -> None:
    photo = page.rows()[0]["photo"]
    (page.root / page.review_list.files[photo]).write_bytes(data)
    response = page.get(f"picture/{photo}/small")
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/plain")
    assert b"alert" not in response.content


def test_text_inside_a_photo_does_not_reach_the_browser(page: Any) -> None:
    photo = page.rows()[0]["photo"]
    exif = Image.Exif()
    exif[270] = "<script>alert(1)</script>"
    Image.new("RGB", (300, 300), "red").save(page.root / page.review_list.files[photo], exif=exif, comment=b"<script>")
    assert b"<script>" in (page.root / page.review_list.files[photo]).read_bytes()
    response = page.get(f"picture/{photo}/large")
    assert response.status_code == 200
    assert b"<script>" not in response.content


def test_images_are_cached_up_to_a_limit(page: Any) -> None:
    photos = list(page.review_list.files)
    images = ImageCache(page.root, page.review_list.files, cache_bytes=10_000)
    made = [images.get(photo, "small") for photo in photos * 2]
    assert all(made)
    assert 0 < images.cached_bytes <= 10_000
    (page.root / page.review_list.files[photos[-1]]).unlink()
    assert images.get(photos[-1], "small") == made[-1]
