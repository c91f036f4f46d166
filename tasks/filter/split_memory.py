"""The memory of a split: which photos were ever in the test, so that they are never trained on.

There is one for each name (`filter.memory`) and seed. It is no cache: nothing else knows what it contains. So it is
never pruned, has a copy in another place, and is checked whenever a run asks for the filter's result.

    DATA/splits/<name>/seed-<n>/            its generations, see `tasks.store.generations`
    DATA/backups/splits/<name>/seed-<n>/    the same files
"""

import json
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from configs.schema import FilterConfig
from tasks.filter.old_split_history import OldSplitHistory
from tasks.filter.remembered import Header, Remembered
from tasks.names import nfc
from tasks.store import hashing
from tasks.store.errors import UserError
from tasks.store.generations import Generation, Generations
from tasks.store.manifest import NAME as MANIFEST
from tasks.store.store import Store
from tasks.tables import ABSENT, KEPT, MEMORY, REJECTED

FOLDER, COPIES = "splits", "backups/splits"
_UNNAMED = "custom"
"""The name of the memory of settings that come from no preset."""
_MAX_NAME = 120
_SUFFIX = ".parquet"


class SplitMemory:
    """The memory that a config names, in a data folder."""

    def __init__(self, config: FilterConfig, root: Path) -> None:
        """Take the filter's settings and the data folder; nothing is read."""
        self.name = config.memory or _UNNAMED
        self._config, self._root = config, root
        place = f"{folder_name(self.name)}/seed-{config.seed}"
        self._remedy = (
            f"it says which photos of filter.memory={self.name} were tested; restore {root / FOLDER / place} or "
            f"{root / COPIES / place} from a backup, or set another filter.seed (it is {config.seed}) to begin anew"
        )
        self._files = Generations(root / FOLDER / place, root / COPIES / place, suffix=_SUFFIX, remedy=self._remedy)
        self.lock = FileLock(_lock_path(root, place))
        self.lock_path.parent.mkdir(parents=True, exist_ok=True)
        self._newest: Generation | None = None

    @property
    def lock_path(self) -> Path:
        """The file of the lock; its holder may write."""
        return Path(self.lock.lock_file)
