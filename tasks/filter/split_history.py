"""The split that each photo was ever assigned to, stored between runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.filter.splits import Split
from tasks.store import hashing
from tasks.store.atomic import atomic_path, atomic_write
from tasks.store.errors import UserError


class SplitHistory:
    """The stored splits of all photos, for one set of split settings; in the folder of the filter's pools.

    `splits-<key>.parquet` has the columns photo and split. `splits-<key>.json` counts the photos that ever *moved* to
    another split. This count is an external input of the filter: an older result that still trains on a photo that has
    moved is not reused.
    """

    def __init__(self, pools: Path, settings: Mapping[str, Any]) -> None:
        """Take the folder of the filter's pools, and the settings that determine how photos are assigned."""
        self.path = pools / f"splits-{hashing.of_value(dict(settings))[:24]}.parquet"
        self._moves = self.path.with_suffix(".json")

    def moves(self) -> int:
        """Return how many photos ever moved to another split."""
        try:
            return int(json.loads(self._moves.read_bytes())["moves"])
        except FileNotFoundError:
            return 0

    def read(self) -> dict[str, Split]:
        """Return the split of each photo, by SHA-256; empty before the first run.

        Raises:
            UserError: The file is damaged.
        """
        import pandas as pd

        if not self.path.exists():
            return {}
        try:
            table = pd.read_parquet(self.path)
            return dict(zip(table["photo"], table["split"], strict=True))
        except (ValueError, KeyError, OSError) as error:
            raise UserError(
                f"{self.path} is damaged; it says which photos were in the test split. Restore it from a backup, or "
                "delete it to assign all photos again (models trained before may then have been trained on test photos)"
            ) from error

    def write(self, known: Mapping[str, Split], new: Mapping[str, Split]) -> None:
        """Store the `new` splits in addition to the `known` ones, which `read` returned.

        A photo that was ever in the test stays there in the history, also while the source gives it to validation, so
        that it is never trained on later.
        """
        import pandas as pd

        new = {photo: "test" if known.get(photo) == "test" else split for photo, split in new.items()}
        moved = sum(photo in known and known[photo] != split for photo, split in new.items())
        if moved:  # before the table: a crash in between costs one needless run, but never reuses a wrong result
            atomic_write(self._moves, json.dumps({"moves": self.moves() + moved}).encode())
        if any(known.get(photo) != split for photo, split in new.items()):
            table = pd.DataFrame(sorted({**known, **new}.items()), columns=["photo", "split"])
            with atomic_path(self.path) as partial:
                table.to_parquet(partial, index=False)
