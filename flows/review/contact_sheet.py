"""Write a contact sheet: a page and its images in a folder, which needs no server and no JavaScript."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from os import cpu_count
from pathlib import Path

from flows.local_page.images import ImageCache
from flows.review import app, session
from flows.review.current import HINTS
from flows.review.items import Made, ReviewItem, ReviewList
from flows.review.words import score_words
from tasks.crawl.listing.tree import DATA_FOLDERS
from tasks.filter.review_log import ReviewKey
from tasks.store.atomic import atomic_folder
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL
from tasks.templates import template

_PAGE = "index.html"
_FILES = {".html", ".htm", ".pdf", ".zip", ".png", ".jpg", ".jpeg", ".csv"}
"""Ends of names with which people mean a file."""
_DECIDED = {"keep": "kept", "reject": "rejected", "move": "moved to"}


def export(root: Path, review_list: ReviewList, folder: Path, *, title: str) -> Path:
    """Write the contact sheet into a new folder, by reason and class; returns the path of the page.

    The files appear in the folder when all are complete.

    Raises:
        UserError: The folder isn't empty or is one of the data folder's own, or the log of decisions is damaged.
        OSError: A file can't be written; it names `folder`.
    """
    _check(root, folder)
    decisions = review_list.decisions(root)
    with atomic_folder(folder) as partial:
        files = _write_images(root, review_list, partial)
        shutil.copyfile(app.HERE / "page.css", partial / "page.css")
        (partial / _PAGE).write_bytes(_page(review_list, files, decisions, title).encode(errors="replace"))
    return folder / _PAGE


def _check(root: Path, folder: Path) -> None:
    """Raise UserError if a contact sheet can't be written to a folder."""
    if folder.suffix.lower() in _FILES and not folder.is_dir():
        raise UserError(
            f"--export {folder}: the contact sheet is a folder with a page and its pictures, not one file; "
            f"give --export a folder, such as {folder.with_suffix('')}"
        )
    if folder.exists() and (not folder.is_dir() or any(not path.name.startswith(PARTIAL) for path in folder.iterdir())):
        what = "already exists and isn't empty" if folder.is_dir() else "is a file"
        raise UserError(f"{folder} {what}; give --export a new folder")
    own = [root.resolve() / name for name in DATA_FOLDERS]
    if any(folder.resolve().is_relative_to(path) for path in own):
        raise UserError(f"{folder} is in a folder that fluke manages; give --export a folder outside {root}")


def _page(review_list: ReviewList, files: Mapping[str, str], decisions: Mapping[ReviewKey, Made], title: str) -> str:
    groups = []
    for reason, of_reason in groupby(review_list.items, key=lambda item: item.reason):
        rows = sorted(of_reason, key=lambda item: item.key.label)  # stable: the most doubtful stays first
        classes = [
            {"label": label, "rows": [_row(item, files, decisions, review_list) for item in of_class]}
            for label, of_class in groupby(rows, key=lambda item: item.key.label)
        ]
        groups.append({"reason": reason, "count": len(rows), "classes": classes})
    page = template(app.HERE / "contact_sheet.html.jinja")
    reviewed = sum(item.key in decisions for item in review_list.items)
    return page.render(title=title, groups=groups, hints=HINTS, total=len(review_list.items), reviewed=reviewed)


def _write_images(root: Path, review_list: ReviewList, folder: Path) -> dict[str, str]:
    """Write the images; returns the file below the folder of each photo that can be shown, by SHA-256."""
    (folder / "pictures").mkdir()
    images = ImageCache(root, review_list.files, cache_bytes=0)  # each is used once

    def write(photo: str) -> tuple[str, str] | None:
        image = images.get(photo, "small")
        if image is None:
            return None
        name = f"pictures/{photo}.{'png' if image[0] == 'image/png' else 'jpg'}"
        (folder / name).write_bytes(image[1])
        return photo, name

    with ThreadPoolExecutor(cpu_count()) as executor:
        try:
            return dict(written for written in executor.map(write, sorted(review_list.files)) if written)
        except BaseException:  # a full disk, or Ctrl-C: don't write the others
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _row(
    item: ReviewItem, files: Mapping[str, str], decisions: Mapping[ReviewKey, Made], review_list: ReviewList
) -> dict[str, str | bool | None]:
    """Return the values that the template shows of an item."""
    decision = decisions.get(item.key)
    duplicate = item.duplicate_of if item.duplicate_of in review_list.files else None
    return {
        "picture": files.get(item.key.photo),
        "name": item.name,
        "score": score_words(item),
        "by_filter": "kept" if item.kept else "rejected",
        "suggestion": item.suggestion if item.suggestion != item.key.label else None,
        "has_duplicate": duplicate is not None,
        "duplicate": files.get(duplicate or ""),
        "duplicate_labels": ", ".join(dict.fromkeys(label for label, _ in session.duplicate_places(review_list, item))),
        "decision": f"{_DECIDED[decision.action]} {decision.to}".strip() if decision else None,
    }
