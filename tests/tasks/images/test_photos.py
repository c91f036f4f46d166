"""Photos: decoded correctly, or refused with a reason."""

import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.images import formats, photos
from tasks.images.memory import MemoryBudget


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(values.squeeze(), mode)


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")])
def test_the_extension_follows_from_the_content(kind: str, name: str) -> None:
    assert formats.extension(encoded(noise(), kind)) == name
    assert formats.extension(b"<html>") == "bin"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1"])
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_every_mode_is_decoded_to_rgb(mode: str, kind: str) -> None:
    pixels = photos.decode(encoded(noise("L").convert(mode), kind))
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8


def test_sixteen_bits_per_pixel_keep_their_brightness() -> None:
    deep = Image.fromarray(np.full((8, 8), 32896, np.uint16))
    assert photos.decode(encoded(deep, "PNG"))[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": clear.getpixel((0, 0))} if mode == "P" else {}
    assert photos.decode(encoded(clear, "PNG", **options))[0, 0].tolist() == [255, 255, 255]


def test_a_photo_is_rotated_as_its_exif_data_says() -> None:
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
    for data, reason in ((b"", "empty file"), (b"<html>not found</html>", "web page"), (b"\xff\xd8\xff", "unreadable")):
        with pytest.raises(ValueError, match=f"^{reason}$"):
            photos.decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"])
def test_too_many_pixels_are_refused_from_the_header(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(photos, "MOST_PX", 2399)
    monkeypatch.setattr(ImageFile, "load", lambda image: pytest.fail("decoded"))
    data = encoded(noise(size=(60, 40)), kind)
    for read in (photos.decode, photos.size_px):
        with pytest.raises(ValueError, match=r"^too many pixels$"):
            read(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (encoded(noise(), "JPEG")[:-300], "truncated"),
        (encoded(noise(), "PNG")[:-300], "truncated"),
        (encoded(noise(), "WEBP")[:-300], "unreadable"),
        (b"", "not a picture"),
        (b"<!doctype html><title>Sign in</title>", "not a picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (encoded(Image.new("1", (3000, 2000)), "PNG"), "too many pixels"),
        (encoded(Image.new("1", (20000, 20000)), "PNG"), "too many pixels"),
    ],
)
def test_a_download_that_is_no_complete_photo_is_refused_with_the_reason(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        photos.check(data, most_px=5e6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_complete_photo_of_every_format_passes_with_its_size(kind: str) -> None:
    assert photos.check(encoded(noise(), kind), most_px=5e6) == (60, 40)


def test_a_jpeg_with_too_many_scans_is_refused_without_decoding_it() -> None:
    """A scan takes a few bytes, and the decoder processes all pixels for it: a file of 1 MB can take minutes."""
    data = encoded(Image.new("L", (600, 400), 128), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert photos.check(data[:-2] + 50 * scan + data[-2:], most_px=5e6) == (600, 400)
    with pytest.raises(ValueError, match=r"^too many scans$"):
        photos.check(data[:-2] + 200 * scan + data[-2:], most_px=5e6)
    appended = 200 * b"\xff\xda" + b"appended by some phones"
    assert photos.check(data + appended, most_px=5e6) == (600, 400)


def test_threads_wait_for_the_memory_of_large_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a few bytes can need much memory, and 16 threads would need 16 times as much."""
    at_once: list[int] = []
    most, load = 0, ImageFile.load

    def slow(image: ImageFile) -> object:
        nonlocal most
        at_once.append(1)
        most = max(most, len(at_once))
        time.sleep(0.01)
        at_once.pop()
        return load(image)

    monkeypatch.setattr(ImageFile, "load", slow)
    monkeypatch.setattr(photos, "_BUDGET", MemoryBudget(2 * 60 * 40 * 8))
    data = encoded(noise(), "PNG")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: photos.check(data, most_px=5e6), range(16))) == {(60, 40)}
        assert {pixels.shape for pixels in pool.map(lambda _: photos.decode(data), range(16))} == {(40, 60, 3)}
    assert most == 2


@pytest.mark.parametrize("shape", [(90, 60), (90, 60, 1), (90, 60, 3)])
def test_shrink_limits_the_longer_side_and_keeps_the_dimensions(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 7, np.uint8)
    assert photos.shrink(image, 30).shape == (30, 20, *shape[2:])
    assert photos.shrink(image, 30).dtype == np.uint8
    assert photos.shrink(image, 90) is image


def test_shrink_leaves_at_least_one_pixel() -> None:
    assert photos.shrink(np.zeros((1, 5000), np.float32), 100).shape == (1, 100)
