"""Photos: stored once by content, and decoded right or refused with a reason."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.support import photos


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(values.squeeze(), mode)


def test_a_photo_is_stored_once_under_its_sha256(tmp_path: Path) -> None:
    data = encoded(noise(), "PNG")
    sha256, path = photos.put(tmp_path, data)
    before = path.stat().st_mtime_ns
    assert photos.put(tmp_path, data) == (sha256, path)
    assert path.stat().st_mtime_ns == before
    assert path == tmp_path / sha256[:2] / f"{sha256}.png"
    assert photos.record(path).flaw(path, verify=True) is None


def test_a_shortened_stored_photo_is_written_again(tmp_path: Path) -> None:
    data = encoded(noise(), "PNG")
    _, path = photos.put(tmp_path, data)
    path.write_bytes(data[:50])
    photos.put(tmp_path, data)
    assert path.read_bytes() == data


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")])
def test_extension_is_told_by_content(kind: str, name: str) -> None:
    assert photos.extension(encoded(noise(), kind)) == name
    assert photos.extension(b"<html>") == "bin"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1"])
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_any_mode_becomes_rgb(mode: str, kind: str) -> None:
    pixels = photos.decode(encoded(noise("L").convert(mode), kind))
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8


def test_sixteen_bits_keep_their_brightness() -> None:
    deep = Image.fromarray(np.full((8, 8), 32896, np.uint16))
    assert photos.decode(encoded(deep, "PNG"))[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": clear.getpixel((0, 0))} if mode == "P" else {}
    assert photos.decode(encoded(clear, "PNG", **options))[0, 0].tolist() == [255, 255, 255]


def test_exif_turns_a_photo_upright() -> None:
    image = Image.new("RGB", (60, 40), "black")
    image.paste("white", (0, 0, 30, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise to see it upright
    pixels = photos.decode(encoded(image, "JPEG", exif=exif))
    assert pixels.shape == (60, 40, 3)
    assert pixels[5, 20].mean() > 200
    assert pixels[55, 20].mean() < 50


def test_a_large_jpeg_is_decoded_smaller_but_not_too_small() -> None:
    data = encoded(noise(size=(800, 640)), "JPEG")
    height, width, _ = photos.decode(data, at_least_px=100).shape
    assert 100 <= height < 640
    assert 100 <= width < 800
    assert photos.size_px(data) == (800, 640)


def test_damaged_photos_are_refused_with_the_reason() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encoded(noise(size=(200, 200)), kind)
        with pytest.raises(ValueError, match=r"truncated|unreadable"):
            photos.decode(data[: len(data) // 2])
    with pytest.raises(ValueError, match="truncated"):
        photos.decode(encoded(noise(size=(200, 200)), "JPEG")[:-500])
    for data in (b"", b"<html>not found</html>", b"\xff\xd8\xff"):
        with pytest.raises(ValueError, match="unreadable"):
            photos.decode(data)


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="unreadable"):
        photos.decode(encoded(noise(size=(60, 40)), "PNG"))
