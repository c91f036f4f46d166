"""Threads share the memory for decoding, and a lack of it isn't the fault of a photo."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.images import memory, photos
from tasks.images.memory import MemoryBudget


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


def test_the_limit_is_a_part_of_the_memory() -> None:
    assert 1 << 30 <= memory.decoding_limit() <= 16 << 30


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
