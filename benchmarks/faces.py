"""Measure how often the number of faces is right, and how long counting takes, with each detector.

    .venv/bin/python -m benchmarks.faces ../shared/data ASTRONAUT

There are no labelled photos of groups here, so collages are made: two portraits (Grace Hopper of matplotlib, and
ASTRONAUT, the file `astronaut.png` of scikit-image) in random sizes, mirrored or not, lighter or darker, in photos of
trashnet. Photos of trashnet, nyala and cats_dogs contain no face, except perhaps of people with a cat or a dog. The
photos/s are those of two threads on these photos, at 250x250 pixels.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from tasks.filter import faces
from tasks.filter.image_stats import reduced
from tasks.images import photos
from tasks.images.photos import shrink
from tasks.networks.face_detector import find_faces

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT, NEGATIVES, COLLAGES = 500, 375, 60, 25
NUMBERS = (1, 2, 3, 4, 6)
THREADS, PASSES = 2, 3
DETECTORS: dict[str, Callable[[Pixels], int]] = {
    "OpenCV's cascade": lambda pixels: by_cascade(reduced(pixels, faces.SIDE_PX)),
    "BlazeFace": lambda pixels: len(find_faces(shrink(pixels, faces.SIDE_PX))),
}


def by_cascade(grey: NDArray[np.uint8]) -> int:
    """Count frontal faces with the cascade of P. Viola and M. Jones (CVPR 2001)."""
    file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
    cascade = cv2.CascadeClassifier(str(file))
    return len(cascade.detectMultiScale(cv2.equalizeHist(grey), scaleFactor=1.1, minNeighbors=5, minSize=(24, 24)))


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def without_faces(folder: Path, rng: random.Random) -> list[Pixels]:
    """Read some photos of a data set, as 250x250 pixels."""
    files = sorted(folder.rglob("*.jpg"))
    return [resized(photos.decode(file.read_bytes()), 250, 250) for file in rng.sample(files, NEGATIVES)]


def collage(background: Pixels, portraits: list[Pixels], count: int, rng: random.Random) -> Pixels:
    """Paste portraits into cells of a photo."""
    image = resized(background, WIDTH, HEIGHT)
    for column, row in rng.sample([(column, row) for column in range(3) for row in range(2)], count):
        face, height = rng.choice(portraits), rng.choice([70, 100, 140, 180])
        face = resized(face, round(face.shape[1] * height / face.shape[0]), height)[:, :: rng.choice([1, -1])]
        face = np.clip(face * rng.uniform(0.6, 1.2), 0, 255).astype(np.uint8)[:, : WIDTH // 3]
        top, left = row * (HEIGHT // 2), column * (WIDTH // 3)
        image[top : top + len(face), left : left + face.shape[1]] = face
    return image


def per_second(count: Callable[[Pixels], int], images: list[Pixels]) -> float:
    """Return how many photos two threads count the faces of in a second: the median of three passes."""
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(count, images[:THREADS]))  # each thread loads its detector
        rates = []
        for _ in range(PASSES):
            began = time.perf_counter()
            list(threads.map(count, images))
            rates.append(len(images) / (time.perf_counter() - began))
    return statistics.median(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("astronaut", type=Path)
    given = parser.parse_args()
    rng = random.Random(0)
    hopper = photos.decode((Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg").read_bytes())
    portraits = [hopper[:420, 60:480], photos.decode(given.astronaut.read_bytes())[:250, 110:330]]
    empty = {name: without_faces(given.data / name, rng) for name in ("trashnet", "nyala", "cats_dogs")}
    collages = {
        number: [collage(rng.choice(empty["trashnet"]), portraits, number, rng) for _ in range(COLLAGES)]
        for number in NUMBERS
    }
    columns = ["detector", "CPU, ms", "photos/s", *(f"{number} faces" for number in NUMBERS), *empty]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for name, count in DETECTORS.items():
        count(hopper)
        began = time.process_time()
        right = [np.mean([count(image) == number for image in images]) for number, images in collages.items()]
        cost = (time.process_time() - began) / (COLLAGES * len(NUMBERS)) * 1000
        wrong = [f"{sum(count(image) > 0 for image in images)} of {NEGATIVES}" for images in empty.values()]
        rate = per_second(count, [image for images in empty.values() for image in images])
        cells = [name, f"{cost:.0f}", f"{rate:.0f}", *(f"{share:.2f}" for share in right), *wrong]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
