"""Counting faces. The photo with one face shows Grace Hopper and is part of matplotlib."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from tasks.filter import faces
from tasks.images import photos
from tasks.store.errors import UserError


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return photos.decode(path.read_bytes())


def test_faces_are_counted_at_any_size(portrait: np.ndarray) -> None:
    assert faces.count(portrait) == 1
    assert faces.count(np.ascontiguousarray(portrait[::2, ::2])) == 1
    assert faces.count(np.concatenate([portrait, portrait], axis=1)) == 2
    assert faces.count(np.full((200, 300, 3), 127, np.uint8)) == 0


def test_faces_are_counted_while_another_thread_still_imports_opencv(
    portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(cv2, "data")  # as while another thread imports it for the first time
    faces.load_cascade.cache_clear()
    assert faces.count(portrait) == 1


def test_a_file_that_is_not_a_yunet_model_is_refused(portrait: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"filter\.face_model=.*model\.onnx: OpenCV can't use it"):
        faces.count(portrait, tmp_path / "model.onnx")
