"""When a photo was taken, and by which camera; damaged EXIF data counts as none."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.images.exif import Taken, exif_data, read_taken, when_taken
from tests.helpers.exif import exif_of, jpeg_taken

NOON = 1_777_636_800_000
"""2026-05-01 12:00 in milliseconds since 1970."""
CAMERA = ("Make", "Model", "1")


def encoded(kind: str, exif: Image.Exif, **options: object) -> bytes:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    out = BytesIO()
    image.save(out, kind, exif=exif, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_each_format_says_when_and_by_which_camera(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(kind, exif_of("2026:05:01 12:00:00", offset="+02:00", subseconds="12")))
    assert read_taken(path) == Taken(CAMERA, NOON + 120, 120)


def test_a_tiff_has_the_tags_among_its_own(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(exif_of("2026:05:01 12:00:00").tobytes().removeprefix(b"Exif\0\0"))
    assert read_taken(path) == Taken(CAMERA, NOON, None)


def test_only_the_beginning_of_a_jpeg_is_needed(tmp_path: Path) -> None:
    data = jpeg_taken(0, "2026:05:01 12:00:00")
    assert when_taken(exif_data(data[:400]) or b"") == Taken(CAMERA, NOON, None)


@pytest.mark.parametrize(
    ("time", "details", "expected"),
    [
        ("2026:05:01 12:00:00", {"subseconds": "5"}, Taken(CAMERA, NOON + 500, None)),
        ("2026:05:01 12:00:00", {"subseconds": "123456"}, Taken(CAMERA, NOON + 123, None)),
        ("2026:05:01 12:00:00", {"subseconds": "?"}, Taken(CAMERA, NOON, None)),
        ("2026:05:01 12:00:00", {"offset": "-05:30"}, Taken(CAMERA, NOON, -330)),
        ("2026:05:01 12:00:00", {"offset": "Z"}, Taken(CAMERA, NOON, 0)),
        ("2026:05:01 12:00:00", {"offset": "   :  "}, Taken(CAMERA, NOON, None)),
        ("2026-05-01T12:00:00", {}, Taken(CAMERA, NOON, None)),
        ("2026:05:01 12:00:00", {"camera": ("", "Model", "")}, Taken(("", "Model", ""), NOON, None)),
        ("2026:05:01 12:00:00", {"camera": ("", "", "1")}, None),
        ("0000:00:00 00:00:00", {}, None),
        ("    :  :     :  :  ", {}, None),
        ("2026:13:41 12:00:00", {}, None),
        ("yesterday", {}, None),
        (None, {}, None),
    ],
)
def test_values_that_make_no_sense_are_not_given(time: str | None, details: dict, expected: Taken | None) -> None:
    assert when_taken(exif_data(jpeg_taken(0, time, **details)) or b"") == expected


def test_the_time_of_editing_is_no_time_of_taking() -> None:
    exif = exif_of(None)
    exif[0x0132] = "2026:05:01 12:00:00"
    assert when_taken(exif_data(encoded("JPEG", exif)) or b"") is None


def test_damaged_data_never_stops_it(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        data = encoded(kind, exif_of("2026:05:01 12:00:00"))
        for _ in range(60):
            damaged = np.frombuffer(data, np.uint8).copy()
            damaged[rng.integers(4, min(400, len(data)), 12)] = rng.integers(0, 256, 12)
            path.write_bytes(damaged[: rng.integers(1, len(data))].tobytes())
            taken = read_taken(path)
            assert taken is None or isinstance(taken, Taken)
