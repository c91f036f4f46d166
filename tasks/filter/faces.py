"""Count the faces in a photo: with MediaPipe's BlazeFace, or with a YuNet file of the user."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.images.photos import shrink
from tasks.store import hashing
from tasks.store.errors import UserError

VERSION = 2
"""Increase it when other faces are found by YuNet."""
SIDE_PX = 320
"""Photos are shrunk to this longer side."""
_CONFIDENCE = 0.8


def count(pixels: NDArray[np.uint8], model: Path | None = None) -> int:
    """Count the faces in an image.

    Args:
        pixels: RGB `(h, w, 3)`, uint8.
        model: An ONNX file of YuNet (W. Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), which also
            finds faces that are turned or half hidden. None uses `tasks.networks.face_detector`.

    Raises:
        UserError: The file is not a YuNet model.
    """
    if model:
        return _by_yunet(pixels, model)
    from tasks.networks.face_detector import find_faces

    return len(find_faces(shrink(pixels, SIDE_PX)))


def detector(model: Path | None) -> str:
    """Name the detector that `count` uses, and its version: counts are cached by this name."""
    from tasks.networks import face_detector

    if model:
        return hashing.of_file(model)
    return f"blazeface {face_detector.VERSION}"


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
            "ONNX file of a YuNet model, or null for BlazeFace"
        ) from error
    return 0 if faces is None else len(faces)
