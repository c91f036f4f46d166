"""The record of a part of the view: what it was made from, and its files. It says whether the part is still valid."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from tasks import tables
from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.manifest import FileRecord, RelativePath, read_regular
from tasks.store.paths import inside

_TEMPLATES = Path(__file__).parent / "report"


class ViewRecord(BaseModel):
    """What the explanations, or the report, were made from. Written last: without a record, a part is incomplete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_from: dict[str, Any]
    """Settings and digests; with other ones, the part is made again."""
    files: dict[RelativePath, FileRecord]
    """By path in the folder of the evaluation."""

    @classmethod
    def of(cls, folder: Path, paths: Iterable[Path], made_from: Mapping[str, Any]) -> Self:
        """Record files below the folder of an evaluation."""
        files = {path.relative_to(folder).as_posix(): FileRecord.of(path) for path in sorted(paths)}
        return cls(made_from=dict(made_from), files=files)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a record; None if it is missing, damaged, or of an earlier version."""
        try:
            return cls.model_validate_json(read_regular(path))
        except (FileNotFoundError, ValueError):
            return None

    def write(self, path: Path) -> None:
        """Write the record."""
        atomic_write(path, self.model_dump_json(indent=1).encode())

    def is_valid(self, folder: Path, made_from: Mapping[str, Any], *, verify: bool) -> bool:
        """Return whether the part was made from these settings and digests, and all its files are intact.

        Args:
            folder: The folder of the evaluation.
            made_from: What the part would be made from now.
            verify: Whether to compare the SHA-256 of each file, not only its size.
        """
        intact = all(record.problem(inside(folder, name), verify=verify) is None for name, record in self.files.items())
        return self.made_from == made_from and intact


def report_inputs(evaluation: Path) -> dict[str, str]:
    """Compute digests of everything that decides how the report of an evaluation looks, besides the artifacts."""
    return {
        "source": hashing.of_source("tasks.evaluate.report.write"),
        "templates": hashing.of_value([hashing.of_file(path) for path in sorted(_TEMPLATES.glob("*.jinja"))]),
        "explanations": hashing.of_file(tables.evaluate.EXPLAINED.path(evaluation)),
        "diagnostics": _of_file(tables.evaluate.DIAGNOSED.path(evaluation)),
        "notes": _of_file(tables.evaluate.NOTES.path(evaluation)),
    }


def _of_file(path: Path) -> str:
    """Compute the digest of a file; empty if there is none."""
    return hashing.of_file(path) if path.exists() else ""
