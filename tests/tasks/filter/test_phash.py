"""Perceptual hashes survive mild changes and tell photos apart."""

import cv2
import numpy as np

from tasks.filter.phash import coarse_bits, perceptual_hashes, window_hashes
from tasks.filter.resemblance import MAX_COARSE_BITS


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def image(seed: int) -> np.ndarray:
    return cv2.resize(np.random.default_rng(seed).integers(0, 256, (12, 12), np.uint8), (200, 160))


def test_a_hash_survives_mild_changes_and_tells_photos_apart() -> None:
    photo = image(1)
    hashed, _ = perceptual_hashes(photo)
    smaller = cv2.resize(photo, (150, 120), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 60])
    brighter = cv2.convertScaleAbs(photo, alpha=1.0, beta=12)
    for changed in (smaller, cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), brighter):
        assert distance(hashed, perceptual_hashes(changed)[0]) <= 12
    assert distance(hashed, perceptual_hashes(image(2))[0]) > 60


def test_the_mirrored_hash_is_that_of_the_mirror_image() -> None:
    hashed, mirrored = perceptual_hashes(image(1))
    other, other_mirrored = perceptual_hashes(np.ascontiguousarray(image(1)[:, ::-1]))
    assert distance(mirrored, other) <= 4
    assert distance(hashed, other_mirrored) <= 4
    assert distance(hashed, mirrored) > 60


def test_one_window_hash_resembles_the_hash_of_a_mild_crop() -> None:
    photo = cv2.resize(np.random.default_rng(3).integers(0, 256, (40, 40), np.uint8), (400, 320))
    crop = np.ascontiguousarray(photo[:310, 12:])
    hashed, cropped = perceptual_hashes(photo)[0], perceptual_hashes(crop)[0]
    windows = [distance(window, cropped) for window in window_hashes(photo)]
    assert min(windows) <= 16 < distance(hashed, cropped)
    assert windows.index(min(windows)) == 2  # the crop is at the top right
    coarse = coarse_bits(np.stack([hashed, cropped]))
    assert distance(coarse[0], coarse[1]) <= MAX_COARSE_BITS


def test_coarse_bits_are_those_of_the_lowest_frequencies() -> None:
    bits = np.zeros((16, 16), bool)
    bits[7, 7] = bits[7, 8] = bits[8, 7] = True
    np.testing.assert_array_equal(coarse_bits(np.packbits(bits)[None]), [[0] * 7 + [1]])
