"""Plant flaws among real photos at known rates, to count how many a tool finds.

    .venv/bin/python benchmarks/comparisons/planted_flaws.py trashnet FOLDER [--photos 1000] [--rate 0.01] [--seed 0]

copies a data set of ../shared/data into FOLDER/photos, a folder per class, and writes FOLDER/planted.csv: kind,
variant, file and twin of every planted file. `rate` is the share of photos for each variant of each kind. A flaw
replaces the photo; a copy is added next to its photo. No photo is used twice, so each file has at most one kind.

The clean data has flaws of its own. Byte-identical copies are left out. Real photos can be dark, blurred or alike, so
an untouched photo that a tool names is no proof of a mistake: `filter_quality.py` says how such photos are judged.
"""

import argparse
import csv
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from functools import partial
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parents[3] / "shared" / "data"
_FINE = 95
"""JPEG quality of images without visible compression."""

Image = NDArray[np.uint8]
Change = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class Plant:
    """One planted file."""

    kind: str
    variant: str
    file: str
    """Path in the folder of photos: class/name."""
    twin: str = ""
    """For a copy: the original photo, which is kept."""


def _truncated(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(len(data) * rng.uniform(0.2, 0.95))]


def _html(data: bytes, rng: np.random.Generator) -> bytes:
    return b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>%d</body></html>" % rng.integers(10**9)


def _small(image: Image, rng: np.random.Generator) -> Image:
    """Shrink to a shorter side of 8 to 28 px."""
    factor = rng.integers(8, 29) / min(image.shape[:2])
    return _resized(image, factor)


def _strip(image: Image, rng: np.random.Generator) -> Image:
    """Cut a horizontal or vertical strip, 3.2 to 5 times as long as wide, at a random position."""
    if rng.random() < 0.5:
        return np.ascontiguousarray(_horizontal_strip(image.transpose(1, 0, 2), rng).transpose(1, 0, 2))
    return _horizontal_strip(image, rng)


def _horizontal_strip(image: Image, rng: np.random.Generator) -> Image:
    height = int(image.shape[1] / rng.uniform(3.2, 5))
    top = rng.integers(0, max(1, image.shape[0] - height))
    return image[top : top + height]


def _flat(image: Image, rng: np.random.Generator) -> Image:
    """Make an image of one colour with noise of up to 2 grey levels (standard deviation)."""
    return _noisy(np.full(image.shape, rng.uniform(60, 200, 3)), rng)


def _gradient(image: Image, rng: np.random.Generator) -> Image:
    """Make a gradient of at most 15 grey levels to each side, in a random direction, with noise."""
    angle = rng.uniform(0, 2 * np.pi)
    down, right = np.meshgrid(np.linspace(-1, 1, image.shape[0]), np.linspace(-1, 1, image.shape[1]), indexing="ij")
    ramp = (down * np.sin(angle) + right * np.cos(angle)) / 2.8
    return _noisy(rng.uniform(70, 190, 3) + ramp[..., None] * rng.uniform(-15, 15, 3), rng)


def _noisy(image: NDArray[np.float64], rng: np.random.Generator) -> Image:
    return _bytes(image + rng.normal(0, rng.uniform(0, 2), image.shape))


def _dark(image: Image, rng: np.random.Generator, *, gamma: float) -> Image:
    """Darken until the 99th percentile is a grey level of 12 to 40."""
    curved = 255 * (image / 255.0) ** gamma
    return _bytes(curved * (rng.uniform(12, 40) / max(1.0, float(np.percentile(curved, 99)))))


def _light(image: Image, rng: np.random.Generator, *, gamma: float) -> Image:
    """Lighten until the 1st percentile is a grey level of 215 to 243."""
    light: Image = 255 - _dark(np.bitwise_not(image), rng, gamma=gamma)
    return light


def _gaussian(image: Image, rng: np.random.Generator) -> Image:
    """Blur with a Gaussian whose standard deviation is 2 to 4 % of the longer side."""
    blurred: Image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.02, 0.04) * max(image.shape))
    return blurred


def _motion(image: Image, rng: np.random.Generator) -> Image:
    """Add motion blur over 8 to 15 % of the longer side, in a random direction."""
    length = rng.uniform(0.08, 0.15) * max(image.shape)
    angle = rng.uniform(0, np.pi)
    half = int(length / 2) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (tuple(int(value) for value in np.round(half + sign * reach)) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    blurred: Image = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    return blurred


def _cropped(image: Image, rng: np.random.Generator) -> Image:
    """Crop 2 to 5 % of the width and of the height."""
    height, width = image.shape[:2]
    keep_h, keep_w = (round(side * (1 - rng.uniform(0.02, 0.05))) for side in (height, width))
    top, left = rng.integers(0, height - keep_h + 1), rng.integers(0, width - keep_w + 1)
    return image[top : top + keep_h, left : left + keep_w]


def _shrunken(image: Image, rng: np.random.Generator) -> Image:
    return _resized(image, rng.uniform(0.7, 0.9))


def _flipped(image: Image, rng: np.random.Generator) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


def _brightened(image: Image, rng: np.random.Generator) -> Image:
    """Make an image lighter or darker by 5 to 12 %."""
    return _bytes(image * (1 + rng.choice([-1, 1]) * rng.uniform(0.05, 0.12)))


def _untouched(image: Image, rng: np.random.Generator) -> Image:
    return image


def _recompressed(image: Image, rng: np.random.Generator) -> bytes:
    """Encode as a JPEG of quality 60 to 85."""
    return _jpeg(image, int(rng.integers(60, 86)))


def _several(image: Image, rng: np.random.Generator, *, first: Iterable[Callable[..., Image]] = ()) -> bytes:
    """Apply two or three of cropping, shrinking and brightening, then recompress."""
    others = [_cropped, _shrunken, _brightened]
    chosen = sorted(rng.choice(3, rng.integers(2, 4), replace=False))
    for change in (*first, *(others[number] for number in chosen)):
        image = change(image, rng)
    return _recompressed(image, rng)


def _resized(image: Image, factor: float) -> Image:
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    resized: Image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return resized


def _bytes(image: NDArray[np.floating]) -> Image:
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _jpeg(image: Image, quality: int = _FINE) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def _on_pixels(change: Callable[[Image, np.random.Generator], Image | bytes]) -> Change:
    def change_file(data: bytes, rng: np.random.Generator) -> bytes:
        image = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        changed = change(image, rng)
        return changed if isinstance(changed, bytes) else _jpeg(changed)

    return change_file


def _same(data: bytes, rng: np.random.Generator) -> bytes:
    return data


FLAWS: dict[tuple[str, str], Change] = {
    ("truncated", ""): _truncated,
    ("web page", "HTML"): _html,
    ("unreadable", "garbage"): lambda data, rng: rng.bytes(len(data)),
    ("empty file", "empty"): lambda data, rng: b"",
    ("too small", ""): _on_pixels(_small),
    ("odd aspect", ""): _on_pixels(_strip),
    ("uniform", "flat"): _on_pixels(_flat),
    ("uniform", "gradient"): _on_pixels(_gradient),
    ("too dark", "scaled"): _on_pixels(partial(_dark, gamma=1)),
    ("too dark", "gamma 2"): _on_pixels(partial(_dark, gamma=2)),
    ("too light", "scaled"): _on_pixels(partial(_light, gamma=1)),
    ("too light", "gamma 2"): _on_pixels(partial(_light, gamma=2)),
    ("blurred", "out of focus"): _on_pixels(_gaussian),
    ("blurred", "moved"): _on_pixels(_motion),
}
COPIES: dict[tuple[str, str], Change] = {
    ("duplicate", ""): _same,
    ("near duplicate", "crop"): _on_pixels(_cropped),
    ("near duplicate", "recompression"): _on_pixels(_recompressed),
    ("near duplicate", "resizing"): _on_pixels(_shrunken),
    ("near duplicate", "brightness"): _on_pixels(_brightened),
    ("near duplicate", "combined"): _on_pixels(_several),
    ("near duplicate", "flip"): _on_pixels(_flipped),
    ("near duplicate", "flip, combined"): _on_pixels(partial(_several, first=[_flipped])),
    ("two classes", "same bytes"): _same,
    ("two classes", "recompression"): _on_pixels(_recompressed),
}


def clean_photos(data_set: str) -> dict[str, Path]:
    """Return the path of each photo of a data set by class/name; of identical files, only the first."""
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for path in sorted((DATA / data_set).rglob("*.jpg")):
        digest = sha256(path.read_bytes()).hexdigest()
        if digest not in seen:
            seen.add(digest)
            *parts, label, name = path.relative_to(DATA / data_set).parts
            found[f"{label}/{'-'.join([*parts, name])}"] = path
    return found


def plant(photos: dict[str, Path], out: Path, *, rate: float, seed: int) -> list[Plant]:
    """Copy photos into `out` and plant flaws; each variant is planted in this share of the photos.

    Args:
        photos: The path of each photo by class/name.
        out: A folder that doesn't exist yet.
        rate: Share of photos for each variant.
        seed: Seed of all random choices.
    """
    rng = np.random.default_rng(seed)
    labels = sorted({file.partition("/")[0] for file in photos})
    for label in labels:
        (out / label).mkdir(parents=True)
    count = max(1, round(rate * len(photos)))
    chosen = iter(rng.permutation(sorted(photos))[: count * (len(FLAWS) + len(COPIES))].tolist())
    plants: list[Plant] = []
    replaced: set[str] = set()
    for (kind, variant), change in (FLAWS | COPIES).items():
        for number in range(count):
            file = next(chosen, None)
            if file is None:
                raise SystemExit(f"{len(photos)} photos are too few for {count} of each variant; lower --rate")
            label, _, name = file.partition("/")
            target, twin = file, ""
            if (kind, variant) in COPIES:
                home = rng.choice([other for other in labels if other != label]) if kind == "two classes" else label
                # Copies sort before their originals as often as after.
                target, twin = f"{home}/{'az'[number % 2]}-{kind}-{variant}-{name}".replace(" ", "_"), file
            else:
                replaced.add(file)
            (out / target).write_bytes(change(photos[file].read_bytes(), rng))
            plants.append(Plant(kind, variant, target, twin))
    for file in photos.keys() - replaced:
        shutil.copyfile(photos[file], out / file)
    return plants


def write(plants: Sequence[Plant], path: Path) -> None:
    """Write the table of all planted files."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Plant)])
        writer.writerows(astuple(plant) for plant in plants)


def prepare(data_set: str, home: Path, *, photos: int | None, rate: float, seed: int) -> list[Plant]:
    """Write home/photos and home/planted.csv; photos: number drawn from the data set, by default all."""
    clean = clean_photos(data_set)
    if photos and photos < len(clean):
        drawn = np.random.default_rng(seed).permutation(sorted(clean))[:photos]
        clean = {file: clean[file] for file in drawn.tolist()}
    plants = plant(clean, home / "photos", rate=rate, seed=seed)
    write(plants, home / "planted.csv")
    return plants


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    plants = prepare(given.data_set, given.folder, photos=given.photos, rate=given.rate, seed=given.seed)
    print(f"{len(plants):,} files planted; they are listed in {given.folder / 'planted.csv'}")


if __name__ == "__main__":
    main()
