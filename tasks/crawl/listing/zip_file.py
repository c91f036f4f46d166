"""List the photos in a zip file, as `tree` lists those below a folder; nothing is unpacked."""

import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

from tasks.crawl.listing.files import MAX_FILE_MB, LocalFile
from tasks.crawl.listing.given_split import CONTAINERS, given_split, given_splits
from tasks.crawl.listing.tree import Tree, is_junk_name, is_photo_name
from tasks.store.errors import UserError

_UTF8_FLAG = 1 << 11
_ENCRYPTED_FLAG = 1


@dataclass(frozen=True, slots=True)
class ZippedFile(LocalFile):
    """A file in a zip file, not read yet; its key is its size and its checksum (CRC-32)."""

    archive: ZipFile | None = None
    member: ZipInfo | None = None

    def read(self, *, at_most: int | None = None) -> bytes:
        """Unpack it to memory, or so many bytes from its beginning.

        Raises:
            OSError: It is damaged, encrypted, packed in a way that Python can't read, or larger than `MAX_FILE_MB`.
        """
        assert self.archive
        assert self.member
        limit = MAX_FILE_MB * 1_000_000
        if self.member.file_size > limit:
            raise OSError(None, f"larger than {MAX_FILE_MB:,} MB")
        try:
            with self.archive.open(self.member) as file:  # it checks size and checksum at the end
                return file.read(self.member.file_size if at_most is None else at_most)
        except (BadZipFile, EOFError, zlib.error) as error:
            raise OSError(None, f"damaged in the zip file: {error}") from error
        except NotImplementedError as error:  # of zipfile
            raise OSError(None, f"packed in a way that can't be read: {error}") from error
        except RuntimeError as error:  # of zipfile: a password
            raise OSError(None, "encrypted: pack it without a password") from error


def is_zip(path: Path) -> bool:
    """Whether a path is that of a zip file by its name, or by its content."""
    return path.suffix.lower() == ".zip" or (path.is_file() and is_zipfile(path))


def list_zip(path: Path) -> tuple[Tree, list[str]]:
    """List everything in a zip file. A single folder around all other folders is left out of the names.

    Returns:
        What is in it, and a line about such a folder if it may be a class.

    Raises:
        UserError: It is no zip file, or it is damaged.
    """
    try:
        archive = ZipFile(path)  # it stays open: photos are read from it later
    except (BadZipFile, EOFError, NotImplementedError) as error:
        raise UserError(
            f"{path}: no zip file, or not all of it ({str(error).lower()}); copy or download it again"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); make it readable") from error
    members = {name: member for member in archive.infolist() if (name := _name(member))}
    top = _wrapper(members)
    tree = Tree(path)
    folders: set[str] = set()
    for whole, member in members.items():
        _add(tree, archive, member, whole.removeprefix(top), folders)
    tree.photos.sort(key=lambda photo: photo[0])
    tree.folders = sorted(folders)
    tree.missing.sort()
    inner = {name.partition("/")[0] for name in tree.folders}
    folder = top.rstrip("/")
    is_container = folder.casefold() in (path.stem.casefold(), *CONTAINERS) or given_split(folder) == "train"
    if not top or is_container or given_splits(inner):
        return tree, []
    return tree, [f"{path}: all its photos are in {top}, so the folders in there are taken as the classes"]


def _name(member: ZipInfo) -> str:
    """Return a member's name.

    Many programs write UTF-8 without saying so; Python takes it for code page 437 then.
    """
    name = member.filename
    if not member.flag_bits & _UTF8_FLAG and not name.isascii():
        with suppress(ValueError):
            name = name.encode("cp437").decode()
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) + ("/" if member.is_dir() else "")


def _wrapper(names: Iterable[str]) -> str:
    """Return the folders, with `/`, that are around the folders of all photos."""
    photos = [name.split("/") for name in names if is_photo_name(name) and not _hidden(name.split("/"))]
    top: list[str] = []
    while photos and all(len(parts) > len(top) + 2 for parts in photos):
        first = {parts[len(top)] for parts in photos}
        if len(first) > 1:
            break
        top.append(first.pop())
    return "".join(f"{name}/" for name in top)


def _hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") or is_junk_name(part) for part in parts)


def _add(tree: Tree, archive: ZipFile, member: ZipInfo, name: str, folders: set[str]) -> None:
    parts = name.rstrip("/").split("/")
    is_folder = name.endswith("/") or not name
    junk = next((i for i, part in enumerate(parts) if is_junk_name(part)), None)
    if junk is not None:
        folder = "/".join(parts[: junk + 1])
        is_photo = not is_folder and is_photo_name(name) and not parts[-1].startswith(".")
        tree.junk[folder] = tree.junk.get(folder, 0) + is_photo
        return
    if any(part.startswith(".") for part in parts):
        return
    folders.update("/".join(parts[:count]) for count in range(1, len(parts) + is_folder) if parts[0])
    if is_folder:
        return
    if not is_photo_name(name):
        tree.others[Path(f"x{parts[-1]}").suffix.lower()] += 1
    elif member.flag_bits & _ENCRYPTED_FLAG:
        tree.missing.append((name, "encrypted: pack it without a password"))
    else:
        key = f"{member.file_size}-{member.CRC:08x}"
        found = ZippedFile(f"{tree.root}/{name}", key, archive, member)
        tree.photos.append((name, found))
