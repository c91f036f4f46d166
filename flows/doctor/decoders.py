"""The decoders of photos: each decodes a small photo, as a run would."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from io import BytesIO
from pathlib import Path

from flows.doctor.finding import Finding

_ENCODED = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
"""What Pillow can write for the test."""
_SIDE_PX = 64
HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAaFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ADRpbG9jAAAAAERAAAIAAQAAAAABxQABAAAAAAAAAHQAAgAAAAACOQABAAAAAAAAADAAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA4GlwcnAAAADAaXBjbwAAAHhodmNDAQNwAAAA"
    "kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbq"
    "SSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAAQAAAABBw"
    "aXhpAAAAAAMICAgAAAAJaXJvdAMAAAAYaXBtYQAAAAAAAAABAAEFgQIDBIUAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAKxt"
    "ZGF0AAAAcCgBrwngFaaO8eSs+xv1/6UH/6d9DhHm+nZqee/v/Wz/9vlLXWlqhM+xGRC6VlqKC//7xXTfS5Z/6ik5MoEzas6naf5o"
    "/7d2Ui6fO+XQZnX5qP6e5dz5ubroBnf318f/w87azkJ69zstXy/ZqlJWkmAAAAAGRXhpZgAATU0AKgAAAAgAAgEPAAIAAAACeAAA"
    "AAESAAMAAAABAAYAAAAAAAAA"
)
"""96 x 64 pixels, as phones write them; made with pillow-heif, which can write what pi-heif reads."""
_REMEDY = "reinstall Pillow and pi-heif: pip install --force-reinstall --no-deps pillow pi-heif"


def examine(root: Path) -> Iterator[Finding]:
    """Decode a photo of each format."""
    works = {name: _decodes(name) for name in (*_ENCODED, "HEIC")}
    missing = [name for name, decodes in works.items() if not decodes]
    seen = f"{', '.join(name for name, decodes in works.items() if decodes) or 'none'} ({_versions()})"
    if missing:
        problem = f"{' and '.join(missing)} can't be decoded, such photos would be rejected: {_REMEDY}"
        yield Finding("decoders", seen, problem, stops_runs="JPEG" in missing)
    else:
        yield Finding("decoders", seen)


def _versions() -> str:
    found = []
    for name, package in (("Pillow", "pillow"), ("pi-heif", "pi-heif"), ("OpenCV", "opencv-python-headless")):
        with suppress(metadata.PackageNotFoundError):  # `packages` says so
            found.append(f"{name} {metadata.version(package)}")
    return ", ".join(found)


def _decodes(name: str) -> bool:
    try:
        from PIL import Image

        from tasks.images.photos import decode

        if name == "HEIC":
            return decode(HEIC).size > 0
        encoded = BytesIO()
        Image.new("RGB", (_SIDE_PX, _SIDE_PX), "navy").save(encoded, name)
        return decode(encoded.getvalue()).shape == (_SIDE_PX, _SIDE_PX, 3)
    except Exception:  # a library that is missing or broken raises what it likes
        return False
