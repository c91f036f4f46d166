"""What was decided about the model of a report. It falls after the report is written, so its place is filled then."""

import re
from pathlib import Path

from markupsafe import Markup, escape
from pydantic import BaseModel, ConfigDict

from tasks import tables
from tasks.evaluate.view_record import ViewRecord
from tasks.store.atomic import atomic_write

_BEGIN, _END = "<!-- decision -->", "<!-- end of the decision -->"
_BADGE = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)


class Decided(BaseModel):
    """What was decided about a model, as the report shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    """A few words: `champion`, `not the champion`."""
    is_champion: bool
    reason: str
    """A sentence or a part of one."""


def badge(decided: Decided | None) -> Markup:
    """Write the badge in HTML, between two comments; only these if nothing is decided yet."""
    if decided is None:
        return Markup(_BEGIN + _END)
    kind = "good" if decided.is_champion else "muted"
    text = (
        f'<span class="badge {kind}">{escape(decided.title)}</span> <span class="muted">{escape(decided.reason)}</span>'
    )
    return Markup(f"{_BEGIN}{text}{_END}")


def read_decision(evaluation: Path) -> Decided | None:
    """Read what was decided about the model of an evaluation; None: nothing yet, or the file is damaged."""
    try:
        return Decided.model_validate_json(tables.evaluate.DECISION.path(evaluation).read_bytes())
    except (OSError, ValueError):
        return None


def show_decision(evaluation: Path, decided: Decided) -> None:
    """Write what was decided beside the report, and into the page, if that is new.

    Args:
        evaluation: The folder of the evaluation, with its report.
        decided: What was decided.
    """
    report = tables.evaluate.REPORT.path(evaluation)
    record = ViewRecord.read(tables.evaluate.REPORTED.path(evaluation))
    if record is None or read_decision(evaluation) == decided:
        return
    atomic_write(tables.evaluate.DECISION.path(evaluation), decided.model_dump_json(indent=1).encode())
    page = report.read_text(encoding="utf-8")
    filled = _BADGE.sub(lambda _: badge(decided), page, count=1)
    if filled == page:
        return
    # The record goes first and comes back last: a crash between leaves a report that is written again.
    tables.evaluate.REPORTED.path(evaluation).unlink()
    atomic_write(report, filled.encode("utf-8"))
    files = [evaluation / name for name in record.files]
    ViewRecord.of(evaluation, files, record.made_from).write(tables.evaluate.REPORTED.path(evaluation))
