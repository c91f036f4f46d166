"""Files of photos: each is stored once, under the SHA-256 of its bytes."""

from pathlib import Path

from tasks.images.formats import extension
from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.bucket import copies
from tasks.store.manifest import FileRecord
from tasks.store.permissions import make_private_folder


def put(home: Path, data: bytes, sha256: str | None = None) -> tuple[str, Path]:
    """Store a photo unless it is stored already; it is private, see `tasks.store.permissions`.

    Args:
        home: The folder of the photos.
        data: The bytes of the photo.
        sha256: Their SHA-256; None: it is computed.

    Returns:
        The SHA-256 and the path of the file.
    """
    path = path_of(home, data, sha256 := sha256 or hashing.of_bytes(data))
    if not path.exists() or hashing.of_file(path) != sha256:
        make_private_folder(path.parent, top=home)
        atomic_write(path, data, private=True)
    return sha256, path


def read(path: Path) -> bytes:
    """Return the bytes of a stored photo; in the local copy of a bucket, it may have to be fetched."""
    copies.use(path)
    return path.read_bytes()


def path_of(home: Path, data: bytes, sha256: str) -> Path:
    """Return the path of a photo with these bytes, whether or not it exists."""
    return home / sha256[:2] / f"{sha256}.{extension(data)}"


def record(path: Path) -> FileRecord:
    """Return the record of a stored photo; its SHA-256 is taken from its name, without reading it."""
    return FileRecord(bytes=path.stat().st_size, sha256=path.stem)
