"""A folder with one photo of every format: all stages, predictions and the SavedModel see the same pixels."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from configs.schema import PreprocessConfig
from tasks import tables
from tasks.images.tiles import make_tile
from tasks.store.lazy_rows import LazyRows
from tests.helpers.heic import HEIC
from tests.helpers.pipeline import Fluke

SETTINGS = PreprocessConfig(side_px=16)
WIDTH, HEIGHT = 96, 64
SCENE = np.dstack(
    [
        np.broadcast_to(np.linspace(250, 20, WIDTH), (HEIGHT, WIDTH)),
        np.broadcast_to(np.linspace(40, 160, HEIGHT)[:, None], (HEIGHT, WIDTH)),
        np.broadcast_to(np.linspace(10, 220, WIDTH), (HEIGHT, WIDTH)),
    ]
).astype(np.uint8)
SCENE[:16, :24] = 240
"""Differs from all its mirror images and rotations."""


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.copy().save(out, kind, **options)  # Pillow keeps a format's options in the image
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def with_damaged_exif(jpeg: bytes) -> bytes:
    tag = b"\x0f\x01\x05\x00\x01\x00\x00\x00\xff\xff\xff\x7f"  # the maker as a fraction outside the file
    segment = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + tag + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + jpeg[2:]


def coloured() -> dict[str, bytes]:
    """The scene, upright to the eye, in every format; those that lose nothing have `exact` in their names."""
    scene = Image.fromarray(SCENE)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(SCENE)))  # needs a turn clockwise
    clear = scene.convert("RGBA")
    twelve_bits = ((SCENE[..., ::-1].astype(int) * 4095 + 127) // 255).astype(np.uint16)
    other = Image.new("RGB", scene.size, "green")
    jpeg = encoded(scene, "JPEG", quality=95)
    return {
        "plain.jpg": jpeg,
        "phone.jfif": encoded(scene, "JPEG", quality=94),
        "UPPER.JPE": encoded(scene, "JPEG", quality=93),
        "progressive.jpeg": encoded(scene, "JPEG", quality=95, progressive=True),
        "cmyk.jpg": encoded(scene.convert("CMYK"), "JPEG", quality=95),
        "two.mpo": encoded(scene, "MPO", save_all=True, append_images=[other.copy()], quality=95),
        "turned.jpg": encoded(stored, "JPEG", exif=exif(6), quality=95),
        "orientation_9.jpg": encoded(scene, "JPEG", exif=exif(9), quality=95),
        "damaged_exif.jpg": with_damaged_exif(jpeg),
        "exact.png": encoded(scene, "PNG"),
        "exact_named_wrongly.jpg": encoded(scene, "PNG", compress_level=1),
        "exact_clear.png": encoded(clear, "PNG"),
        "exact_turned.png": encoded(stored, "PNG", exif=exif(6)),
        "exact_twelve_bits.png": cv2.imencode(".png", twelve_bits)[1].tobytes(),
        "exact_twelve_bits.tif": cv2.imencode(".tif", twelve_bits)[1].tobytes(),
        "exact.bmp": encoded(scene, "BMP"),
        "exact.TIF": encoded(scene, "TIFF"),
        "exact_lzw.tiff": encoded(scene, "TIFF", compression="tiff_lzw", save_all=True, append_images=[other.copy()]),
        "exact.webp": encoded(scene, "WEBP", lossless=True),
        "exact_animated.webp": encoded(scene, "WEBP", lossless=True, save_all=True, append_images=[other.copy()]),
        "palette.png": encoded(scene.quantize(256), "PNG"),
        "animated.gif": encoded(scene, "GIF", save_all=True, append_images=[other.copy()]),
        "photo.avif": encoded(scene, "AVIF", quality=95),
    }


def grey() -> dict[str, bytes]:
    """The scene in grey."""
    values = np.asarray(Image.fromarray(SCENE).convert("L")).astype(np.uint16)
    return {
        "twelve_bits.png": encoded(Image.fromarray(values * 16), "PNG"),
        "sixteen_bits.tif": encoded(Image.fromarray(values * 257), "TIFF"),
        "fractions.tif": encoded(Image.fromarray((values / 255).astype(np.float32)), "TIFF"),
        "grey.jpg": encoded(Image.fromarray(values.astype(np.uint8)), "JPEG", quality=95),
        "clear_grey.png": encoded(Image.fromarray(values.astype(np.uint8)).convert("LA"), "PNG"),
    }


LEFT_OUT = {
    "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
    "empty.png": (b"", "empty file"),
    "page.jpg": (b"<!doctype html><title>Sign in</title>", "web page"),
}
TRUNCATED = encoded(Image.effect_noise((96, 96), 80), "JPEG")[:-900]
LARGE = encoded(Image.linear_gradient("L"), "PNG")
"""256 x 256 pixels; the limit in this test is 20,000."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("formats") / "photos"
    for label, files in (
        ("coloured", coloured()),
        ("grey", grey()),
        ("odd", {"photo.HEIC": HEIC, "truncated.jpg": TRUNCATED, "large.png": LARGE}),
        ("odd", {name: data for name, (data, _) in LEFT_OUT.items()}),
    ):
        (home / label).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (home / label / name).write_bytes(data)
    return home


@pytest.fixture(scope="module")
def crawled(finished: Fluke, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Fluke, str]:
    """A data folder with the tiles of these photos, and what the command printed."""
    fluke = Fluke(tmp_path_factory.mktemp("data"), finished.api_url, photos)
    off = [
        f"filter.{name}=null"
        for name in ("dark_level", "light_level", "min_contrast", "min_sharpness", "duplicate_bits")
    ]
    limits = ["crawl.max_photo_mpx=0.02", "crawl.max_loss=0.5", "filter.min_side_px=16", "preprocess.side_px=16"]
    printed = fluke("stage", "preprocess", "default", f"crawl.path={photos}", *limits, *off)
    return fluke, printed


def newest(fluke: Fluke, stage: str) -> Path:
    [folder] = (fluke.data / "artifacts" / stage).iterdir()
    return folder


def tiles(fluke: Fluke) -> dict[str, np.ndarray]:
    """The tile of each kept photo by the name of its file."""
    kept = tables.filter.KEPT.read(newest(fluke, "filter"))
    index = tables.shared.INDEX.read(newest(fluke, "preprocess")).set_index("photo").loc[kept["photo"]].reset_index()
    return dict(zip(kept["name"], LazyRows(index, fluke.data)[:], strict=True))


@pytest.mark.slow
def test_what_is_no_photo_is_left_out_and_named(crawled: tuple[Fluke, str]) -> None:
    fluke, printed = crawled
    text = " ".join(printed.split())
    for name, what in (
        ("pointer.jpg", "run `git lfs pull`"),
        ("empty.png", "is empty (0 bytes)"),
        ("page.jpg", "is a web page"),
        ("large.png", "crawl.max_photo_mpx=0.02"),
    ):
        assert name in text
        assert what in text
    rejected = tables.filter.REJECTED.read(newest(fluke, "filter"))
    assert dict(zip(rejected["name"], rejected["reason"], strict=True)) == {"odd/truncated.jpg": "truncated"}


@pytest.mark.slow
def test_every_format_gives_the_same_tile(crawled: tuple[Fluke, str]) -> None:
    found = tiles(crawled[0])
    expected = {f"coloured/{name}": make_tile(SCENE, SETTINGS) for name in coloured()}
    flat = np.repeat(np.asarray(Image.fromarray(SCENE).convert("L"))[..., None], 3, axis=2)
    expected |= {f"grey/{name}": make_tile(flat, SETTINGS) for name in grey()}
    assert set(found) == {*expected, "odd/photo.HEIC"}
    for name, tile in expected.items():
        difference = np.abs(found[name].astype(int) - tile)
        assert difference.max() <= (1 if "exact" in name or name.startswith("grey/") else 30), name
        assert difference.mean() < 4, name
    heic = found["odd/photo.HEIC"]
    assert heic[1, 11].min() > 200
    assert heic[2, 5].argmax() == 0
    assert heic[14, 5].argmax() == 2


@pytest.mark.slow
def test_predictions_see_the_same_pixels(finished: Fluke, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.parquet"
    finished("predict", str(photos), "--out", str(out), "--top-k", "3")
    table = pd.read_parquet(out).set_index("image")
    errors = {f"odd/{name}": reason for name, (_, reason) in LEFT_OUT.items()} | {"odd/truncated.jpg": "truncated"}
    assert table.loc[table["error"] != "", "error"].to_dict() == errors
    exact = table[table.index.str.startswith("coloured/exact")]
    assert len(exact) == 11
    assert exact["class_1"].nunique() == 1
    np.testing.assert_allclose(exact["probability_1"], exact["probability_1"].iloc[0], atol=1e-3)


@pytest.mark.slow
def test_the_saved_model_sees_the_same_pixels_or_refuses(crawled: tuple[Fluke, str], photos: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    from tasks.inference.export.tf_tiles import tiles_of

    read = 0
    for name, tile in tiles(crawled[0]).items():
        data = (photos / name).read_bytes()
        if data.startswith((b"\xff\xd8\xff", b"\x89PNG")):
            [found] = tiles_of(tensorflow.constant([data]), SETTINGS).numpy()
            assert np.abs(found.astype(int) - tile).max() <= 1, name
            read += 1
        else:
            with pytest.raises(tensorflow.errors.InvalidArgumentError, match="photos must be JPEG or PNG"):
                tiles_of(tensorflow.constant([data]), SETTINGS)
    assert read == 18
