"""Count the faces in a photo: with MediaPipe's detector, a YuNet file of the user, or OpenCV's cascade."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.filter.image_stats import reduced
from tasks.images.photos import shrink
from tasks.store import hashing
from tasks.store.errors import UserError

VERSION = 2
"""Increase it when other faces are found by YuNet or by the cascade."""
CASCADE = "cascade"
SIDE_PX = 320
"""Photos are shrunk to this longer side. The cascade misses faces that are smaller than 1/13 of it."""
_LEAST_PX = 24
_CONFIDENCE = 0.8


def count(pixels: NDArray[np.uint8], model: Path | None = None) -> int:
    """Count the faces in an image.

    Args:
        pixels: RGB `(h, w, 3)`, uint8.
        model: An ONNX file of YuNet (W. Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), which also
            finds faces that are turned or half hidden. None uses `tasks.networks.face_detector`; without its weights,
            OpenCV's own cascade, which finds frontal faces (P. Viola and M. Jones, "Rapid object detection using a
            boosted cascade of simple features", CVPR 2001).

    Raises:
        UserError: The file is not a YuNet model.
    """
    if model:
        return _by_yunet(pixels, model)
    if detector(None) == CASCADE:
        return count_by_cascade(reduced(pixels, SIDE_PX))
    from tasks.networks.face_detector import find_faces

    return len(find_faces(shrink(pixels, SIDE_PX)))


def detector(model: Path | None) -> str:
    """Name the detector that `count` uses, and its version: counts are cached by this name."""
    from tasks.networks import face_detector

    if model:
        return hashing.of_file(model)
    return f"blazeface {face_detector.VERSION}" if face_detector.is_installed() else CASCADE


def count_by_cascade(grey: NDArray[np.uint8]) -> int:
    """Count the frontal faces in a grey image `(h, w)` with OpenCV's cascade."""
    import cv2

    least = (_LEAST_PX, _LEAST_PX)
    return len(_cascade().detectMultiScale(cv2.equalizeHist(grey), scaleFactor=1.1, minNeighbors=5, minSize=least))


def _by_yunet(pixels: NDArray[np.uint8], model: Path) -> int:
    import cv2

    small = cv2.cvtColor(shrink(pixels, SIDE_PX), cv2.COLOR_RGB2BGR)
    size = small.shape[1], small.shape[0]
    try:  # a detector works for one image size and in one thread; creating one takes microseconds
        detector = cv2.FaceDetectorYN.create(str(model), "", size, _CONFIDENCE)
        _, faces = detector.detect(small)
    except cv2.error as error:
        raise UserError(
            f"filter.face_model={model}: OpenCV can't use it as a YuNet model ({error.err}); give the "
            "ONNX file of a YuNet model, or null for OpenCV's own detector"
        ) from error
    return 0 if faces is None else len(faces)


def _cascade() -> Any:
    """Return the cascade of this thread: each has its own, because a cascade contains its working memory."""
    import threading

    return load_cascade(threading.get_ident())


@cache
def load_cascade(thread: int) -> Any:
    """Load OpenCV's cascade of frontal faces, once per thread id."""
    import cv2

    # `cv2.data` can be missing while another thread still imports cv2, so the path comes from `cv2.__file__`.
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"))
