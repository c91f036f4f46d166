"""Formats are recognised by their content, and so is what isn't a photo."""

from io import BytesIO

import pytest
from PIL import Image

from tasks.images import formats
from tests.helpers.heic import HEIC


def ftyp(brand: bytes, *compatible: bytes) -> bytes:
    return (16 + 4 * len(compatible)).to_bytes(4) + b"ftyp" + brand + bytes(4) + b"".join(compatible) + bytes(40)


@pytest.mark.parametrize(
    ("data", "extension"),
    [
        (HEIC, "heic"),
        (ftyp(b"heix"), "heic"),
        (ftyp(b"mif1", b"mif1", b"heic"), "heic"),
        (ftyp(b"mif1", b"mif1", b"avif", b"miaf"), "avif"),
        (ftyp(b"avis"), "avif"),
        (ftyp(b"isom", b"avc1"), "bin"),
        (b"II+\x00\x08\x00\x00\x00", "tif"),
        (b"MM\x00*", "tif"),
        (b"GIF87a", "gif"),
        (b"GIF8", "bin"),
        (b"", "bin"),
    ],
)
def test_the_extension_follows_from_the_content(data: bytes, extension: str) -> None:
    assert formats.extension(data) == extension


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("data", "reason", "text"),
    [
        (POINTER, "Git LFS pointer", r"is a Git LFS pointer, not the photo: run `git lfs pull`"),
        (b"\xef\xbb\xbf" + POINTER, "Git LFS pointer", "git lfs pull"),
        (b"/annex/objects/SHA256E-s31390--f50d.jpg\n", "git-annex pointer", "git annex get"),
        (b"../.git/annex/objects/zK/XP/SHA256E-s3--f.jpg/SHA256E-s3--f.jpg", "git-annex pointer", "git annex get"),
        (b"", "empty file", "is empty"),
        (bytes(5000), "empty file", "nothing but zeros"),
        (b"\r\n <!DOCTYPE html><title>Sign in</title>", "web page", "download the photo itself"),
        (b"<HTML><body>403</body></HTML>", "web page", "web page"),
        (b"bplist00\xd4", "cloud placeholder", "download the photo first"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "not a photo", "as servers send"),
        (b'{"error": "quota"}', "not a photo", "as servers send"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo", "SVG"),
        (b"%PDF-1.7", "not a photo", "PDF"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "not a photo", "AppleDouble"),
        (ftyp(b"qt  "), "not a photo", "video"),
        (ftyp(b"crx "), "not a photo", "can't decode"),
    ],
)
def test_what_is_no_photo_is_named(data: bytes, reason: str, text: str) -> None:
    found = formats.foreign(data)
    assert found
    assert found.reason == reason
    assert text in found.description


@pytest.mark.parametrize("data", [HEIC, b"\xff\xd8\xff", b"no idea"])
def test_photos_and_unknown_content_are_not_named(data: bytes) -> None:
    assert formats.foreign(data) is None


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}])
def test_the_size_of_a_webp_is_read_without_opening_it(options: dict[str, object]) -> None:
    out = BytesIO()
    Image.new("RGB", (301, 22)).save(out, "WEBP", **options)
    assert formats.webp_size_px(out.getvalue()) == (301, 22)
    assert formats.webp_size_px(out.getvalue()[:20]) is None
