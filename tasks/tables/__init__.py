"""The catalog: every file that stages write into their artifacts, and every column of every table.

Each stage has a module; `shared` has the files that several stages write. `python -m tasks.tables` prints all as
Markdown; `make docs` writes that to docs/artifacts.md.

The source digest of a stage doesn't cover this package, so that a new description invalidates no cache. A change of
a column must therefore raise VERSION of the stages that write or read it.
"""

from tasks.store.table import File
from tasks.tables import crawl, evaluate, extract, filter, pretrain, shared, train

__all__ = ["crawl", "evaluate", "extract", "files", "filter", "pretrain", "shared", "train"]

_MODULES = (crawl, filter, shared, extract, pretrain, train, evaluate)


def files() -> list[File]:
    """All files of the catalog: module by module, in the order of each module."""
    return [value for module in _MODULES for value in vars(module).values() if isinstance(value, File)]
