"""Threads share the memory for decoding, and a lack of it isn't the fault of a photo."""

import os
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.images import formats, memory, photos
from tasks.images.memory import MemoryBudget, PhotoTooLargeError


def test_threads_never_use_more_than_the_budget() -> None:
    budget, lock, used, most = MemoryBudget(100), threading.Lock(), 0, 0

    def work(needed: int) -> None:
        nonlocal used, most
        with budget.use(needed):
            with lock:
                used += needed
                most = max(most, used)
            time.sleep(0.001)
            with lock:
                used -= needed

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, [1, 60, 30, 100, 7, 50] * 20))
    assert 60 < most <= 100


def test_more_than_the_budget_is_used_alone() -> None:
    budget, others, alone = MemoryBudget(10), [], []
    started, finish = threading.Event(), threading.Event()

    def large() -> None:
        with budget.use(1e12):
            started.set()
            alone.append(list(others))
            finish.wait(5)

    def small() -> None:
        with budget.use(1):
            others.append(1)

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(large)
        assert started.wait(5)
        rest = [pool.submit(small) for _ in range(2)]
        time.sleep(0.02)
        assert not others
        finish.set()
        for future in (first, *rest):
            future.result(5)
    assert alone == [[]]


def test_an_exception_frees_the_memory() -> None:
    budget = MemoryBudget(10)
    for _ in range(3):
        with pytest.raises(ValueError, match="unreadable"), budget.use(10):
            raise ValueError("unreadable")
    with budget.use(10):
        pass


GIB = 1 << 30


@pytest.mark.parametrize(
    ("gib", "all_threads", "one_photo"), [(1, 0.25, 0.5), (4, 1, 2.5), (8, 1, 6.5), (64, 8, 62.5), (512, 16, 510.5)]
)
def test_decoding_may_use_a_part_of_the_memory(gib: int, all_threads: float, one_photo: float) -> None:
    assert memory.decoding_limit(gib * GIB) == all_threads * GIB
    assert memory.photo_limit(gib * GIB) == one_photo * GIB


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/a/b", {"a/b/memory.max": "4096", "memory.max": "max"}),
        ("0::/a/b", {"a/b/memory.max": "max", "a/memory.max": "4096"}),  # of the slice around the service
        ("1:cpu:/\n0::/a", {"unified/a/memory.max": "4096"}),
        ("4:memory:/a:c\n0::/", {"memory/a:c/memory.limit_in_bytes": "4096", "memory/memory.limit_in_bytes": "9" * 18}),
        ("4:memory:/docker/f00", {"memory/memory.limit_in_bytes": "4096"}),  # the container sees its own as the root
        ("0::/../other", {"memory.max": "4096"}),
        (None, {"memory.max": "4096"}),
    ],
)
def test_the_limits_of_the_container_and_of_those_around_it_are_seen(
    tmp_path: Path, own: str | None, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    if own is not None:
        (tmp_path / "own").write_text(f"{own}\n")
    assert memory.memory_limit(tmp_path, tmp_path / "own") == 4096


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_the_limits_of_the_process_are_seen(kind: str) -> None:
    code = (
        "import resource; from tasks.images.memory import memory_limit; "
        f"resource.setrlimit(resource.{kind}, (1 << 30, resource.RLIM_INFINITY)); print(memory_limit())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == 1 << 30


def test_without_a_limit_it_is_the_memory_of_the_machine(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory.memory_limit(tmp_path, tmp_path / "missing") == machine


def needed(data: bytes) -> int:
    image = Image.open(BytesIO(data))
    image.draft("RGB", (64, 64))
    return memory.bytes_needed(data, image, Image.open(BytesIO(data)).size)


def jpeg(mode: str = "RGB", *, progressive: bool = False) -> bytes:
    out = BytesIO()
    Image.new(mode, (4000, 2000)).save(out, "JPEG", progressive=progressive)
    return out.getvalue()


def test_a_jpeg_whose_scans_have_one_channel_each_is_kept_as_coefficients_like_a_progressive_one() -> None:
    data = jpeg()
    scan = next(formats.jpeg_scans(data))
    one_channel = data[:scan] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + data[scan + 14 :]
    assert needed(data) <= 4000 * 2000 // 8
    assert needed(one_channel) == needed(jpeg(progressive=True)) > 6 * 4000 * 2000
    assert needed(jpeg("CMYK", progressive=True)) > 8 * 4000 * 2000


def test_grey_of_16_bits_needs_less_than_colours() -> None:
    out = BytesIO()
    Image.fromarray(np.zeros((20, 30), np.uint16)).save(out, "PNG")
    assert 7 * 600 < needed(out.getvalue()) < 16 * 600


def test_a_tile_that_is_larger_than_its_photo_counts() -> None:
    image = Image.new("RGB", (200, 100))
    image.tag_v2 = {322: 20_000, 323: 10_000}  # type: ignore[attr-defined]
    assert memory.bytes_needed(b"II*\x00", image, image.size) >= 3 * 20_000 * 10_000


@pytest.mark.parametrize(("bits", "samples", "least"), [(64, 1, 20), (32, 3, 34), (64, 4, 66)])
def test_the_memory_for_fractions_depends_on_their_size(bits: int, samples: int, least: int) -> None:
    entries = [(258, bits), (277, samples)]
    tags = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in entries)
    data = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(entries)) + tags + bytes(4)
    assert least <= memory.bytes_needed(data, None, (10, 10)) / 100 <= 120


def test_a_photo_that_needs_more_memory_than_there_is_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    out = BytesIO()
    Image.new("RGB", (500, 400)).save(out, "PNG")
    large = out.getvalue()
    refusal = "has too many pixels for the memory of this machine, which allows 0.0 GB for one photo: shrink it"
    with monkeypatch.context() as small:
        small.setattr(photos, "_MOST_BYTES", 500 * 400 * 8 - 1)
        small.setattr(ImageFile, "load", lambda image: pytest.fail("it is decoded"))
        for function in (photos.check_memory, photos.decode, partial(photos.check, most_px=1e6)):
            with pytest.raises(PhotoTooLargeError, match=f"^{refusal}"):
                function(large)
        photos.check_memory(jpeg())  # it has more pixels, and is decoded at an eighth of its size
    monkeypatch.setattr(photos, "_MOST_BYTES", 500 * 400 * 8)
    photos.check_memory(large)
    assert photos.decode_to(np.mean, large) == 0
    with pytest.raises(PhotoTooLargeError):
        photos.decode_to(np.mean, large, more_bytes=500 * 400 * 6)


def png() -> bytes:
    out = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError("out of memory error when reading image file"), RuntimeError("Memory allocation error")],
)
def test_a_lack_of_memory_is_no_unreadable_photo(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(image: ImageFile) -> None:
        raise error

    monkeypatch.setattr(ImageFile, "load", fail)
    with pytest.raises(MemoryError):
        photos.decode(png())
    with pytest.raises(MemoryError):
        photos.check(png(), most_px=1e6)


def test_an_error_of_the_system_is_no_unreadable_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: ImageFile) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(ImageFile, "load", fail)
    with pytest.raises(OSError, match="Too many open files"):
        photos.decode(png())


TOO_SMALL = """
import resource, sys
from io import BytesIO
import cv2, numpy as np
from PIL import Image
from tasks.images import photos
from tests.helpers.heic import HEIC
files = {}
for kind in sys.argv[1:]:
    out = BytesIO()
    Image.new("RGB", (9000, 8000), "red").save(out, kind, **({"progressive": True} if kind == "JPEG" else {}))
    files[kind] = out.getvalue()
photos.decode(HEIC)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), -1))
for kind, data in files.items():
    try:
        photos.decode(data)
        print(kind, "decoded")
    except Exception as error:
        print(kind, type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_no_decoder_calls_a_photo_unreadable_for_lack_of_memory() -> None:
    kinds = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"]
    done = subprocess.run([sys.executable, "-c", TOO_SMALL, *kinds], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(line.split()[:2] for line in done.stdout.splitlines())
    assert list(found) == kinds
    assert {found[kind] for kind in ("JPEG", "PNG", "WEBP", "TIFF")} == {"MemoryError"}
    assert "ValueError" not in found.values()
