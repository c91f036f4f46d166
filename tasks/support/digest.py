"""Digests of values, files and source code: what cache keys are made of."""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_CHUNK_BYTES = 1 << 20


def of_value(value: Any) -> str:
    """SHA-256 (64 hex digits) of a JSON-able value; the order of a dict's keys doesn't count."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


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


def of_source(*modules: str) -> str:
    """Digest of modules' code and of the code of `tasks` that they import, directly or not.

    Comments, docstrings and layout don't count: what is hashed is the syntax tree.
    """
    code = {name: _tree_digest(name) for name in sorted(_with_imports(modules))}
    return of_value(code)


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
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Names of the modules of `tasks` that a module imports anywhere in its code."""
    found: list[str] = []
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in found if name.split(".")[0] == "tasks" and _is_module(name))


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # `from tasks.support.store import Store`: tasks.support.store is no package
        return False


@cache
def _tree_digest(module: str) -> str:
    tree = _parsed(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return of_bytes(ast.dump(tree).encode())
