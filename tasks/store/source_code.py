"""What the text of a module says: which modules it imports, and the digest of its syntax tree.

Parsing all stages takes a second, which a cached run would spend on nothing else. So what a text says is kept in the
data folder, by the digest of the text: after a change, only the changed modules are parsed.
"""

import ast
import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tasks.store.atomic import atomic_write

FILE = Path("cache", f"source-{sys.implementation.cache_tag}.json")
"""Below the data folder; another Python makes other syntax trees."""
_MAX_TEXTS = 2000
"""So many texts are kept; beyond that, only those of this process."""


class SourceCode(NamedTuple):
    """What a text says."""

    imports: tuple[str, ...]
    """Names that may be modules of `tasks`, wherever the text imports them."""
    digest: str
    """SHA-256 of its syntax tree, 64 hex digits; comments, docstrings and layout don't count."""


_kept: dict[str, SourceCode] = {}
_used: dict[str, SourceCode] = {}
_file: Path | None = None
_is_new = False


def keep_in(root: Path) -> None:
    """Use what a data folder keeps from now on; a file that is missing, damaged or unreadable keeps nothing."""
    global _file
    if _file == root / FILE:
        return
    _file = root / FILE
    with suppress(OSError, ValueError, TypeError, AttributeError):
        if _file.is_file():
            found = json.loads(_file.read_bytes())
            _kept.update({key: SourceCode(tuple(map(str, names)), str(tree)) for key, (names, tree) in found.items()})


def save() -> None:
    """Write what was parsed since the last time, if a data folder keeps it; a folder that can't be written keeps it
    not.
    """
    global _is_new
    if _is_new and _file is not None:
        _is_new = False
        texts = _kept | _used if len(_kept | _used) <= _MAX_TEXTS else _used
        with suppress(OSError):
            atomic_write(_file, json.dumps(texts, separators=(",", ":")).encode())


def read(path: Path) -> SourceCode:
    """Return what the text of a module says; raises SyntaxError or OSError if it can't be parsed or read."""
    global _is_new
    text = path.read_bytes()
    key = hashlib.sha256(text).hexdigest()
    if key not in _used:
        if key not in _kept:
            _kept[key] = _parse(text)
            _is_new = True
        _used[key] = _kept[key]
    return _used[key]


def _parse(text: bytes) -> SourceCode:
    tree = ast.parse(text)
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    names = tuple(name for name in imports if name.partition(".")[0] == "tasks")
    return SourceCode(names, hashlib.sha256(ast.dump(tree).encode()).hexdigest())
