"""What the text of a module says: which modules it imports, and the digest of its syntax tree.

Parsing all stages takes a second, which a cached run would spend on nothing else. So what a text says is kept in the
data folder, by the digest of the text: after a change, only the changed modules are parsed.
"""

import ast
import hashlib
import json
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tasks.store.atomic import atomic_write

FILE = Path("cache", f"source-{sys.implementation.cache_tag}.json")
"""Below the data folder; another Python makes other syntax trees."""
PARENT = __name__.partition("tasks.")[0]
"""What precedes the names of our packages: nothing, or `fluke.` in the wheel, where digests are the same."""
_MAX_TEXTS = 2000
"""So many texts are kept; beyond that, only those of this process."""


class SourceCode(NamedTuple):
    """What a text says."""

    imports: tuple[str, ...]
    """Names that may be modules of `tasks`, wherever the text imports them."""
    digest: str
    """SHA-256 of its syntax tree, 64 hex digits; comments, docstrings and layout don't count."""


@dataclass
class _Kept:
    """What this process knows, and where it is kept."""

    file: Path | None = None
    texts: dict[str, SourceCode] = field(default_factory=dict)
    """By the SHA-256 of the text."""
    used: dict[str, SourceCode] = field(default_factory=dict)
    is_new: bool = False


_kept = _Kept()


def keep_in(root: Path) -> None:
    """Use what a data folder keeps from now on; a file that is missing, damaged or unreadable keeps nothing."""
    if _kept.file == root / FILE:
        return
    _kept.file = root / FILE
    with suppress(OSError, ValueError, TypeError, AttributeError):
        if _kept.file.is_file():
            found = json.loads(_kept.file.read_bytes())
            _kept.texts.update(
                {key: SourceCode(tuple(map(str, names)), str(tree)) for key, (names, tree) in found.items()}
            )


def save() -> None:
    """Write what was parsed since the last time, unless no data folder keeps it or the folder can't be written."""
    if not _kept.is_new or _kept.file is None:
        return
    _kept.is_new = False
    texts = _kept.texts if len(_kept.texts) <= _MAX_TEXTS else _kept.used
    with suppress(OSError):
        atomic_write(_kept.file, json.dumps(texts, separators=(",", ":")).encode())


def read(path: Path) -> SourceCode:
    """Return what the text of a module says; raises SyntaxError or OSError if it can't be parsed or read."""
    text = path.read_bytes()
    key = hashlib.sha256(text).hexdigest()
    if key not in _kept.texts:
        _kept.texts[key] = _parse(text)
        _kept.is_new = True
    found = _kept.used[key] = _kept.texts[key]
    return found


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
    names = tuple(name for name in imports if f"{name}.".startswith(f"{PARENT}tasks."))
    dump = ast.dump(tree)
    for package in ("configs", "tasks") if PARENT else ():
        dump = dump.replace(f"'{PARENT}{package}", f"'{package}")
    return SourceCode(names, hashlib.sha256(dump.encode()).hexdigest())
