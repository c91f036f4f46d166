"""Photos on disk, stored once each under the SHA-256 of their bytes; and how they are decoded."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.support import digest
from tasks.support.files import write_whole
from tasks.support.manifest import FileRecord

_EXTENSIONS = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\x00": "tif",
    b"MM\x00*": "tif",
}


def put(home: Path, data: bytes) -> tuple[str, Path]:
    """Store a photo's bytes, if they aren't yet; returns their SHA-256 and the file."""
    sha256 = digest.of_bytes(data)
    path = home / sha256[:2] / f"{sha256}.{extension(data)}"
    if not path.exists() or path.stat().st_size != len(data):
        write_whole(path, data)
    return sha256, path


def extension(data: bytes) -> str:
    """File name extension by content, never by the name that the net gave: `bin` if it is no known picture."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((name for magic, name in _EXTENSIONS.items() if data.startswith(magic)), "bin")


def record(path: Path) -> FileRecord:
    """Size and SHA-256 of a stored photo, by its name and without reading it."""
    return FileRecord(bytes=path.stat().st_size, sha256=path.stem)


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture to RGB `(h, w, 3)`, uint8, upright as its EXIF says.

    Transparent parts become white, the first frame stands for an animation. Raises ValueError with the reason
    (`unreadable`, `truncated`) if the bytes are no whole picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image = ImageOps.exif_transpose(Image.open(BytesIO(data)))
        if image.mode.startswith(("I", "F")):  # 16-bit grey
            deep = np.asarray(image, dtype=np.float64)
            image = Image.fromarray((deep / max(1.0, deep.max()) * 255).astype(np.uint8))
        if "A" in image.getbands() or "transparency" in image.info:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError as error:
        raise ValueError("unreadable") from error
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError("truncated" if "truncated" in str(error) else "unreadable") from error
    except (Image.DecompressionBombError, ValueError, MemoryError) as error:
        raise ValueError("unreadable") from error
