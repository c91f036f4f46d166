"""Photos of real tasks that checks for ordinary photos take for bad ones, as rows of class and JPEG or PNG."""

import colorsys
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageOps

Rows = list[tuple[str, bytes]]


def encode(image: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
    """Encode an image."""
    out = BytesIO()
    image.save(out, kind, quality=quality)
    return out.getvalue()


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Make an ordinary photo: sharp, with contrast and colours."""
    rough = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    return Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC)


def scenes(label: str, count: int, seed: int) -> Rows:
    """Make ordinary photos of one class."""
    return [(label, encode(scene(seed + number))) for number in range(count)]


def noisy(image: Image.Image, seed: int, deviation: float = 3) -> Image.Image:
    """Add the noise of a camera."""
    pixels = np.asarray(image) + np.random.default_rng(seed).normal(0, deviation, np.asarray(image).shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def nights() -> Rows:
    """Two ordinary classes, and one whose photos are all dark."""
    dark = [("night", encode(scene(200 + number).point(lambda level: level // 6))) for number in range(12)]
    return [*scenes("glass", 12, 0), *scenes("metal", 12, 100), *dark]


def turns() -> Rows:
    """Two ordinary classes, and arrows to the left and to the right on mirrored backgrounds."""
    rows = [*scenes("glass", 14, 0), *scenes("metal", 14, 100)]
    for number in range(14):
        image = scene(200 + number)
        ImageDraw.Draw(image).polygon([(50, 60), (90, 30), (90, 90)], fill="white")
        rows += [("turn_left", encode(image)), ("turn_right", encode(ImageOps.mirror(image)))]
    return rows


def traffic_lights() -> Rows:
    """A camera that doesn't move: only a lamp of a few pixels differs between the classes."""
    rows = []
    for number in range(40):
        image, label = scene(7, (320, 240)), ("red", "green")[number % 2]
        ImageDraw.Draw(image).ellipse(
            (250, 40 if label == "red" else 80, 266, 56 if label == "red" else 96), fill=label
        )
        rows.append((label, encode(noisy(image, number))))
    return rows


def parking_lot() -> Rows:
    """Frames of a security camera with the time printed on them, with and without a car."""
    rows = []
    for number in range(40):
        image, label = scene(8, (320, 240)), ("empty", "occupied")[number % 2]
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, 150, 14), fill="black")
        draw.text((2, 2), f"2026-01-{number % 28 + 1:02d} {number % 24:02d}:13:07", fill="white")
        if label == "occupied":
            draw.rectangle((100 + number % 16, 120, 125 + number % 16, 160), fill=(200, 40, 40))
        rows.append((label, encode(noisy(image, number))))
    return rows


def gauges() -> Rows:
    """One dial, whose needle differs between the classes."""
    rows = []
    for number in range(60):
        label, angle = (("low", 150), ("middle", 250), ("high", 20))[number % 3]
        radians = np.radians(angle + number % 20)
        image = Image.new("RGB", (200, 200), (210, 210, 205))
        draw = ImageDraw.Draw(image)
        draw.ellipse((20, 20, 180, 180), fill="white", outline="black", width=5)
        draw.line((100, 100, 100 + 60 * np.cos(radians), 100 + 60 * np.sin(radians)), fill="red", width=4)
        rows.append((label, encode(noisy(image, number))))
    return rows


def colour_cards(*, printed: bool = True) -> Rows:
    """Six colours: of one printed shape on a textured card, or as flat areas that fill the photo."""
    rows = []
    for number in range(60):
        colour = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(number % 6 / 6, 0.8, 0.8))
        image = scene(300 + number // 6) if printed else Image.new("RGB", (160, 120), colour)
        if printed:
            image = Image.blend(image.convert("L").convert("RGB"), Image.new("RGB", image.size, colour), 0.5)
        rows.append((f"colour {number % 6}", encode(noisy(image, number, 2))))
    return rows


def stars() -> Rows:
    """Night skies with a few stars beside photos of the day."""
    rows = scenes("day", 15, 0)
    for seed in range(15):
        random = np.random.default_rng(seed)
        pixels = np.tile(np.linspace(0, 40, 200).astype(np.uint8), (200, 1))
        pixels[tuple(random.integers(2, 198, (2, 25)))] = random.integers(120, 255, 25)
        rows.append(("stars", encode(Image.fromarray(pixels), "PNG")))
    return rows


def scans() -> Rows:
    """Documents on white paper."""
    rows = []
    for number in range(28):
        random, label = np.random.default_rng(number), ("letter", "form")[number % 2]
        image = Image.new("L", (300, 400), 252)
        draw = ImageDraw.Draw(image)
        for line in range(6):
            text = "".join(random.choice(list("abcdefghij klm"), 25))
            draw.text((30 + int(random.integers(0, 60)), 40 + 25 * line), text, fill=40)
        if label == "form":
            draw.rectangle((40, 250, 240, 330 + int(random.integers(0, 40))), outline=30)
        rows.append((label, encode(image)))
    return rows


def cells() -> Rows:
    """Micrographs with little contrast."""
    rows = []
    for number in range(28):
        random, label = np.random.default_rng(number), ("healthy", "infected")[number % 2]
        image = Image.new("L", (200, 200), 140)
        for x, y in random.integers(10, 170, (4 if label == "healthy" else 9, 2)).tolist():
            ImageDraw.Draw(image).ellipse((x, y, x + 22, y + 22), fill=133)
        rows.append((label, encode(noisy(image, number, 1), "PNG")))
    return rows


def xrays() -> Rows:
    """Soft images without sharp edges."""
    rows = []
    for number in range(24):
        rough = np.random.default_rng(number).integers(0, 256, (6, 6), np.uint8)
        soft = Image.fromarray(rough).resize((256, 256), Image.Resampling.BICUBIC)
        rows.append((("fracture", "normal")[number % 2], encode(soft)))
    return rows


def panoramas() -> Rows:
    """Wide photos beside ordinary ones."""
    wide = [(("hills", "sea")[seed % 2], encode(scene(seed, (800, 160)))) for seed in range(24)]
    return [*wide, *scenes("street", 12, 100)]


def icons() -> Rows:
    """Pictures of 24 pixels."""
    return [(("on", "off")[seed % 2], encode(scene(seed, (24, 24)), "PNG")) for seed in range(24)]


def albums() -> Rows:
    """The same files in two classes, as other tools store photos with two labels."""
    both = [(label, data) for _, data in scenes("", 20, 0) for label in ("beach", "sunset")]
    return [*both, *scenes("street", 20, 100)]


def bursts() -> Rows:
    """Classes in which a phone's burst is more than half of the photos."""
    burst = [("a", encode(noisy(scene(1), number))) for number in range(5)]
    return [*burst, *scenes("a", 3, 10), *scenes("b", 8, 20)]
