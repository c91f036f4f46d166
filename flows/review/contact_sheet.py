"""A contact sheet on the disk: a page with pictures beside it, which needs neither a server nor JavaScript."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from os import cpu_count
from pathlib import Path

from flows.review import app, session
from flows.review.images import Pictures
from flows.review.items import Doubt, Sheet
from tasks.filter import review_log
from tasks.filter.review_log import Decision, Subject
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError

_DONE = {"keep": "kept", "reject": "rejected", "move": "moved to"}


def export(root: Path, sheet: Sheet, folder: Path, *, title: str) -> Path:
    """Write a sheet into a new folder, by reason and class; returns the page. Raises UserError if it isn't empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already, and nothing is overwritten: give --export a new folder")
    standing = review_log.read(root)
    files = _write_pictures(root, sheet, folder)
    shutil.copyfile(app.HERE / "page.css", folder / "page.css")
    groups = []
    for reason, of_reason in groupby(sheet.doubts, key=lambda doubt: doubt.reason):
        rows = sorted(of_reason, key=lambda doubt: doubt.subject.label)  # stable: the most doubtful stays first
        classes = [
            {"label": label, "rows": [_row(doubt, files, standing, sheet) for doubt in of_class]}
            for label, of_class in groupby(rows, key=lambda doubt: doubt.subject.label)
        ]
        groups.append({"reason": reason, "count": len(rows), "classes": classes})
    page = (
        app.environment()
        .get_template("contact_sheet.html.jinja")
        .render(
            title=title,
            groups=groups,
            total=len(sheet.doubts),
            settled=sum(doubt.subject in standing for doubt in sheet.doubts),
        )
    )
    atomic_write(folder / "index.html", page.encode(errors="replace"))
    return folder / "index.html"


def _write_pictures(root: Path, sheet: Sheet, folder: Path) -> dict[str, str]:
    """File below the folder of each photo that could be shown, by SHA-256."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    pictures = Pictures(root, sheet.files, cache_bytes=0)  # each is made once

    def write(photo: str) -> tuple[str, str] | None:
        made = pictures.get(photo, "small")
        if made is None:
            return None
        name = f"pictures/{photo}.{'png' if made[0] == 'image/png' else 'jpg'}"
        (folder / name).write_bytes(made[1])
        return photo, name

    with ThreadPoolExecutor(cpu_count()) as executor:
        return dict(written for written in executor.map(write, sorted(sheet.files)) if written)


def _row(
    doubt: Doubt, files: Mapping[str, str], standing: Mapping[Subject, Decision], sheet: Sheet
) -> dict[str, str | bool | None]:
    decision = standing.get(doubt.subject)
    twin = doubt.twin if doubt.twin in sheet.files else None
    return {
        "picture": files.get(doubt.subject.photo),
        "name": doubt.name,
        "why": session.why(doubt),
        "so_far": "kept" if doubt.kept else "rejected",
        "suggestion": doubt.suggestion if doubt.suggestion != doubt.subject.label else None,
        "has_twin": twin is not None,
        "twin": files.get(twin or ""),
        "twin_label": ", ".join(dict.fromkeys(label for label, _ in session.twin_places(sheet, doubt))),
        "decision": f"{_DONE[decision.action]} {decision.to}".strip() if decision else None,
    }
