"""Digests of values, files and source code: what cache keys are made of."""

import ast
import hashlib
import json
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_CHUNK_BYTES = 1 << 20


def of_value(value: Any) -> str:
    """SHA-256 (64 hex digits) of a JSON-able value; the order of a dict's keys doesn't count."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()  # a path need not be UTF-8


def of_bytes(data: bytes | memoryview) -> str:
    """SHA-256 (64 hex digits) of bytes."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    """SHA-256 (64 hex digits) of a file's content, read in pieces."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            sha.update(chunk)
    return sha.hexdigest()


_NOT_COUNTED = ("tasks.store.stage", "tasks.tables")
"""What never changes a result: the store and its parts, which run a stage, and the catalog, which describes files."""


def of_source(*modules: str) -> str:
    """Digest of modules' code and of the code of `tasks` that they import, directly or not.

    Comments, docstrings and layout don't count: what is hashed is the syntax tree. Neither does the machinery that runs
    all stages, unless a stage itself is made of it.
    """
    covered = (_with_imports(modules) - _with_imports(_NOT_COUNTED)) | set(modules)
    return of_value({name: _tree_digest(name) for name in sorted(covered)})


def _with_imports(modules: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _imports(name)
    return seen


def _parsed(module: str) -> ast.Module:
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(module)
    return ast.parse(path.read_text(encoding="utf-8"))


def _file(module: str) -> Path | None:
    """Where a module's code is; found without importing anything (as importlib would its package, and so Keras)."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded:
        return Path(loaded)
    top, _, below = module.partition(".")
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        return None
    if not below:
        return Path(spec.origin)
    path = Path(spec.origin).parent / below.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Names of the modules of `tasks` that a module imports anywhere in its code."""
    found: list[str] = []
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in found if name.split(".")[0] == "tasks" and _file(name))


@cache
def _tree_digest(module: str) -> str:
    tree = _parsed(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return of_bytes(ast.dump(tree).encode())
