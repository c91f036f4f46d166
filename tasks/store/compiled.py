"""Where compiled networks are kept, so that the next run, or the next night, does not compile them again.

JAX takes the folder from the environment, when it is imported. It deletes the entries that were used least recently,
ignores damaged ones, and goes on without the folder if it can't write there.

TensorFlow has such a folder, too (`TF_XLA_FLAGS=--tf_xla_persistent_cache_directory=FOLDER`), for what XLA compiles. It
is not set here: TensorFlow 2.21 neither limits its size nor goes on after a damaged entry.
"""

import os
import platform
import time
from pathlib import Path

from tasks.store import hashing

FOLDER = Path("cache", "compiled")
"""Below the data folder; in it, a folder for each kind of processor, because code for one may not run on another."""
MAX_BYTES = 2 << 30
UNUSED_DAYS = 30
"""`fluke prune` deletes what nothing has used for so long."""
_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
_DAY_S = 86400


def keep_in(root: Path) -> None:
    """Have JAX keep what it compiles in a data folder; call this before it is imported.

    A folder that the user has set in the environment stays as it is.
    """
    if _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = str((root / FOLDER / _processor()).absolute())
        os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(MAX_BYTES))


def unused(root: Path) -> list[Path]:
    """List the folders in which nothing was read or written for UNUSED_DAYS; JAX notes when it reads an entry."""
    before = time.time() - UNUSED_DAYS * _DAY_S
    home = root / FOLDER
    folders = sorted(home.iterdir()) if home.is_dir() and not home.is_symlink() else []
    return [
        folder for folder in folders if all(path.lstat().st_mtime < before for path in (folder, *folder.rglob("*")))
    ]


def _processor() -> str:
    """Name this machine's kind of processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    features = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashing.of_value([platform.machine(), platform.processor(), features])[:12]
