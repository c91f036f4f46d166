"""Digests of values, files and source code: the parts of cache keys."""

import hashlib
import json
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.store import source_code
from tasks.store.errors import UserError
from tasks.store.source_code import SourceCode

_CHUNK_BYTES = 1 << 20


def of_value(value: Any) -> str:
    """Compute the SHA-256 (64 hex digits) of a value that JSON can represent; the order of keys doesn't count."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()  # paths may not be UTF-8


def of_bytes(data: bytes | memoryview) -> str:
    """Compute the SHA-256 (64 hex digits) of bytes."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    """Compute the SHA-256 (64 hex digits) of a file's content, which is read in chunks."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            sha.update(chunk)
    return sha.hexdigest()


def of_user_file(path: Path, setting: str) -> str:
    """Compute the digest (24 hex digits) of a file that a setting names.

    Args:
        path: The value of the setting.
        setting: Its name, for the message.

    Raises:
        UserError: The file can't be read.
    """
    path = path.expanduser()
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or a device"
        raise UserError(f"{setting}: {path} is {what}; set it to a file")
    try:
        return of_file(path)[:24]
    except OSError as error:
        raise UserError(f"{setting}: cannot read {path} ({error.strerror}); set it to an existing file") from error


_NOT_COUNTED = ("tasks.store.stage", "tasks.tables")
"""Code that doesn't change results: the store runs stages, the catalog describes files. Their imports don't count
either."""


def of_source(*modules: str, root: Path | None = None) -> str:
    """Compute the digest of the code of some modules and of all modules of `tasks` that they import.

    Only the syntax tree counts: comments, docstrings and layout don't.

    Args:
        modules: Names of modules.
        root: The folder that contains the packages, such as a copy of the repository; None: where Python finds them.
    """
    names = source_modules(*modules, root=root)
    digest = of_value({name.removeprefix(source_code.PARENT): _tree_digest(name, root) for name in names})
    source_code.save()
    return digest


def source_modules(*modules: str, root: Path | None = None) -> list[str]:
    """List the modules whose code counts in `of_source`, sorted; same arguments."""
    return sorted((_with_imports(modules, root) - _with_imports(_NOT_COUNTED, root)) | set(modules))


def _with_imports(modules: Iterable[str], root: Path | None) -> set[str]:
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _imports(name, root)
    return seen


def _read(module: str, root: Path | None) -> SourceCode:
    path = _file(module, root)
    if path is None:
        raise ModuleNotFoundError(module)
    return source_code.read(path)


def _file(module: str, root: Path | None) -> Path | None:
    """Find the file of a module without importing its package: importlib would, and that can import Keras."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded and root is None:
        return Path(loaded)
    if root is None:
        spec = find_spec(module.partition(".")[0])
        if spec is None or spec.origin is None:
            return None
        origin = Path(spec.origin)
        root = origin.parents[1] if origin.name == "__init__.py" else origin.parent
    path = root / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


@cache
def _imports(module: str, root: Path | None) -> tuple[str, ...]:
    """Names of the modules of `tasks` that a module imports anywhere in its code."""
    return tuple(name for name in _read(module, root).imports if _file(name, root))


@cache
def _tree_digest(module: str, root: Path | None) -> str:
    return _read(module, root).digest
