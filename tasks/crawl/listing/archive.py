"""List the photos in a zip or tar file, as `tree` lists those below a folder; nothing is unpacked."""

from collections.abc import Iterable
from pathlib import Path

from tasks.crawl.listing.given_split import CONTAINERS, given_split, given_splits
from tasks.crawl.listing.member import Member
from tasks.crawl.listing.tar_file import is_tar, tar_members
from tasks.crawl.listing.tree import Tree, is_junk_name, is_photo_name
from tasks.crawl.listing.zip_file import is_zip, zip_members


def is_archive(path: Path) -> bool:
    """Whether a path is that of a zip or tar file by its name, or by its content."""
    return is_zip(path) or is_tar(path)


def archive_members(path: Path) -> list[Member]:
    """List everything in a zip or tar file, under the names that it has there.

    Raises:
        UserError: It is none, it is damaged, or it is a compressed tar file.
    """
    return tar_members(path) if is_tar(path) else zip_members(path)


def list_archive(path: Path) -> tuple[Tree, list[str]]:
    """List everything in an archive. A single folder around all other folders is left out of the names.

    Returns:
        What is in it, and a line about such a folder if it may be a class.

    Raises:
        UserError: See `archive_members`.
    """
    members = archive_members(path)
    top = _wrapper(member.name for member in members)
    tree = Tree(path)
    folders: set[str] = set()
    for member in members:
        _add(tree, member, member.name.removeprefix(top), folders)
    tree.photos.sort(key=lambda photo: photo[0])
    tree.folders = sorted(folders)
    tree.missing.sort()
    inner = {name.partition("/")[0] for name in tree.folders}
    folder = top.rstrip("/")
    is_container = folder.casefold() in (path.stem.casefold(), *CONTAINERS) or given_split(folder) == "train"
    if not top or is_container or given_splits(inner):
        return tree, []
    return tree, [f"{path}: all its photos are in {top}, so the folders in there are taken as the classes"]


def is_hidden(name: str) -> bool:
    """Whether a member, or a folder that it is in, is hidden or what computers keep for themselves."""
    return any(part.startswith(".") or is_junk_name(part) for part in name.split("/"))


def _wrapper(names: Iterable[str]) -> str:
    """Return the folders, with `/`, that are around the folders of all photos."""
    photos = [name.split("/") for name in names if is_photo_name(name) and not is_hidden(name)]
    top: list[str] = []
    while photos and all(len(parts) > len(top) + 2 for parts in photos):
        first = {parts[len(top)] for parts in photos}
        if len(first) > 1:
            break
        top.append(first.pop())
    return "".join(f"{name}/" for name in top)


def _add(tree: Tree, member: Member, name: str, folders: set[str]) -> None:
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
    if is_folder or not member.file:
        return
    if not is_photo_name(name):
        tree.others[Path(f"x{parts[-1]}").suffix.lower()] += 1
    elif member.problem:
        tree.missing.append((name, member.problem))
    else:
        tree.photos.append((name, member.file))
