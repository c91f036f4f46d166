"""Write a contact sheet: a page and its images in a folder, which needs no server and no JavaScript."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from os import cpu_count
from pathlib import Path

from flows.review import app, session
from flows.review.images import ImageCache
from flows.review.items import Made, ReviewItem, ReviewList
from tasks.filter.review_log import ReviewKey
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError

_DECIDED = {"keep": "kept", "reject": "rejected", "move": "moved to"}


def export(root: Path, review_list: ReviewList, folder: Path, *, title: str) -> Path:
    """Write the contact sheet into a new folder, by reason and class; returns the path of the page.

    Raises:
        UserError: The folder isn't empty, or the log of decisions is damaged.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} already exists and isn't empty; give --export a new folder")
    decisions = review_list.decisions(root)
    files = _write_images(root, review_list, folder)
    shutil.copyfile(app.HERE / "page.css", folder / "page.css")
    groups = []
    for reason, of_reason in groupby(review_list.items, key=lambda item: item.reason):
        rows = sorted(of_reason, key=lambda item: item.key.label)  # stable: the most doubtful stays first
        classes = [
            {"label": label, "rows": [_row(item, files, decisions, review_list) for item in of_class]}
            for label, of_class in groupby(rows, key=lambda item: item.key.label)
        ]
        groups.append({"reason": reason, "count": len(rows), "classes": classes})
    page = (
        app.environment()
        .get_template("contact_sheet.html.jinja")
        .render(
            title=title,
            groups=groups,
            total=len(review_list.items),
            reviewed=sum(item.key in decisions for item in review_list.items),
        )
    )
    atomic_write(folder / "index.html", page.encode(errors="replace"))
    return folder / "index.html"


def _write_images(root: Path, review_list: ReviewList, folder: Path) -> dict[str, str]:
    """Write the images; returns the file below the folder of each photo that can be shown, by SHA-256."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    images = ImageCache(root, review_list.files, cache_bytes=0)  # each is used once

    def write(photo: str) -> tuple[str, str] | None:
        image = images.get(photo, "small")
        if image is None:
            return None
        name = f"pictures/{photo}.{'png' if image[0] == 'image/png' else 'jpg'}"
        (folder / name).write_bytes(image[1])
        return photo, name

    with ThreadPoolExecutor(cpu_count()) as executor:
        return dict(written for written in executor.map(write, sorted(review_list.files)) if written)


def _row(
    item: ReviewItem, files: Mapping[str, str], decisions: Mapping[ReviewKey, Made], review_list: ReviewList
) -> dict[str, str | bool | None]:
    """Return the values that the template shows of an item."""
    decision = decisions.get(item.key)
    duplicate = item.duplicate_of if item.duplicate_of in review_list.files else None
    return {
        "picture": files.get(item.key.photo),
        "name": item.name,
        "score": session.score_text(item),
        "by_filter": "kept" if item.kept else "rejected",
        "suggestion": item.suggestion if item.suggestion != item.key.label else None,
        "has_duplicate": duplicate is not None,
        "duplicate": files.get(duplicate or ""),
        "duplicate_labels": ", ".join(dict.fromkeys(label for label, _ in session.duplicate_places(review_list, item))),
        "decision": f"{_DECIDED[decision.action]} {decision.to}".strip() if decision else None,
    }
