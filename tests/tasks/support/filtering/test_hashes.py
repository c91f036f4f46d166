"""Perceptual hashes survive mild changes and tell photos apart."""

import cv2
import numpy as np

from tasks.support.filtering.hashes import perceptual_hashes


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def picture(seed: int) -> np.ndarray:
    return cv2.resize(np.random.default_rng(seed).integers(0, 256, (12, 12), np.uint8), (200, 160))


def test_a_hash_survives_mild_changes_and_tells_photos_apart() -> None:
    photo = picture(1)
    hashed, _ = perceptual_hashes(photo)
    smaller = cv2.resize(photo, (150, 120), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 60])
    brighter = cv2.convertScaleAbs(photo, alpha=1.0, beta=12)
    for changed in (smaller, cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), brighter):
        assert distance(hashed, perceptual_hashes(changed)[0]) <= 12
    assert distance(hashed, perceptual_hashes(picture(2))[0]) > 60


def test_the_mirrored_hash_is_that_of_the_mirror_image() -> None:
    hashed, mirrored = perceptual_hashes(picture(1))
    other, other_mirrored = perceptual_hashes(np.ascontiguousarray(picture(1)[:, ::-1]))
    assert distance(mirrored, other) <= 4
    assert distance(hashed, other_mirrored) <= 4
    assert distance(hashed, mirrored) > 60
