"""Which memory of the split a result of the filter was made with."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from tasks.store.json_file import read_json
from tasks.tables.filter import MEMORY


class SplitReference(BaseModel):
    """A reference to one generation of a memory, which is stored in the artifact."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Value of `filter.memory`."""
    seed: int
    generation: int

    @classmethod
    def read(cls, kept: Path) -> Self | None:
        """Read it from the folder of the filter; None if it was made by a version without memory, or is damaged."""
        try:
            return read_json(MEMORY.path(kept), cls)
        except (OSError, ValueError):
            return None

    def write(self, kept: Path) -> None:
        """Write it into the folder of the filter."""
        MEMORY.path(kept).write_text(self.model_dump_json(indent=1), encoding="utf-8")
