"""Faces in a photo, counted by one of OpenCV's detectors."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.filter.image_stats import reduced
from tasks.store.errors import UserError

VERSION = 1
SIDE_PX = 320
"""Photos are looked at no larger than this: smaller faces than 1 in 13 of the longer side are missed."""
_LEAST_PX = 24
_CONFIDENCE = 0.8


def count(pixels: NDArray[np.uint8], model: Path | None = None) -> int:
    """How many faces RGB pixels `(h, w, 3)`, uint8, show.

    model: an ONNX file of YuNet (W. Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), which also finds
    faces that are turned or half hidden; without one, frontal faces are found by OpenCV's own cascade (P. Viola and
    M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001). Raises UserError if the
    file is no such model.
    """
    if model is None:
        return _by_cascade(reduced(pixels, SIDE_PX))
    return _by_yunet(pixels, model)


def _by_cascade(grey: NDArray[np.uint8]) -> int:
    import cv2

    least = (_LEAST_PX, _LEAST_PX)
    return len(_cascade().detectMultiScale(cv2.equalizeHist(grey), scaleFactor=1.1, minNeighbors=5, minSize=least))


def _by_yunet(pixels: NDArray[np.uint8], model: Path) -> int:
    import cv2

    scale = min(1.0, SIDE_PX / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    try:  # a detector is made for one size, in microseconds; it mustn't be shared between threads
        detector = cv2.FaceDetectorYN.create(str(model), "", size, _CONFIDENCE)
        _, faces = detector.detect(small)
    except cv2.error as error:
        raise UserError(f"filter.face_model={model}: OpenCV can't use it as a YuNet model ({error.err})") from error
    return 0 if faces is None else len(faces)


def _cascade() -> Any:
    """One for each thread: it keeps its working memory in itself."""
    import threading

    return _cascade_of(threading.get_ident())


@cache
def _cascade_of(thread: int) -> Any:
    import cv2

    # Not by cv2.data: of threads that import cv2 at the same moment, some get it before it has that.
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"))
