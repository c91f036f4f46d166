"""Builds the wheel: `flows`, `tasks` and `configs` become `fluke.flows`, `fluke.tasks` and `fluke.configs`.

Top-level packages with such common names would collide with those of other projects. In the repository they stay at the
top level. In the wheel, this hook puts them into the package `fluke` and rewrites, in copies of the modules, what names
them: import statements, and texts that are the name of a module. No line moves, so that tracebacks of both agree.
"""

import ast
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "fluke"
MOVED = ("configs", "flows", "tasks")
_OURS = re.compile(rf"({'|'.join(MOVED)})(\.|$)")
_QUOTE = re.compile(rb"[a-zA-Z]{0,2}(\"\"\"|'''|\"|')")


class WheelHook(BuildHookInterface):
    """Adds the rewritten packages to a wheel; an editable installation uses the repository as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the rewritten packages to a temporary folder, and add it to the wheel."""
        if version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp())
        write(Path(self.root), self._folder)
        build_data["force_include"][str(self._folder)] = PACKAGE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Delete the temporary folder."""
        if version != "editable":
            shutil.rmtree(self._folder)


def write(repository: Path, folder: Path) -> None:
    """Write the package `fluke`, as it is in the wheel, into an empty folder."""
    modules = {
        ".".join(path.relative_to(repository).with_suffix("").parts).removesuffix(".__init__")
        for package in MOVED
        for path in (repository / package).rglob("*.py")
    }
    for package in (PACKAGE, *MOVED):
        for path in sorted((repository / package).rglob("*")):
            within = path.relative_to(repository / PACKAGE if package == PACKAGE else repository)
            if path.is_dir() or any(part.startswith((".", "__pycache__")) for part in within.parts):
                continue
            target = folder / within
            target.parent.mkdir(parents=True, exist_ok=True)
            source = path.read_bytes()
            target.write_bytes(rewritten(source, modules) if path.suffix == ".py" else source)


def rewritten(source: bytes, modules: set[str]) -> bytes:
    """Rewrite a module's source for the wheel.

    Args:
        source: UTF-8.
        modules: Full names of all modules that move. A text that is one of these names is rewritten, too, and so is an
            f-string that begins with one and a dot.
    """
    lines = source.splitlines(keepends=True)
    for line, column, old, new in sorted(_edits(ast.parse(source), lines, modules), reverse=True):
        text = lines[line]
        if not text[column:].startswith(old):
            raise ValueError(f"line {line + 1}: expected {old!r} in {text!r}")
        lines[line] = text[:column] + new + text[column + len(old) :]
    return b"".join(lines)


def _edits(tree: ast.Module, lines: list[bytes], modules: set[str]) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield what to replace: line and column from 0, in bytes; the present text and the new one."""
    prefix = f"{PACKAGE}.".encode()
    in_f_strings = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), level=0) if _OURS.match(module):
                yield node.lineno - 1, node.col_offset, b"from ", b"from " + prefix
            case ast.Import():
                for alias in node.names:
                    if _OURS.match(alias.name):
                        old = alias.name.encode()
                        binds = b"" if alias.asname or "." in alias.name else b" as " + old
                        yield alias.lineno - 1, alias.col_offset, old, prefix + old + binds
            case ast.Constant(value=str(text)) if "." in text and text in modules and id(node) not in in_f_strings:
                yield _after_quote(node, lines, text, prefix)
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if (
                text.endswith(".") and text[:-1] in modules
            ):
                yield _after_quote(node, lines, text, prefix)


def _after_quote(node: ast.expr, lines: list[bytes], text: str, prefix: bytes) -> tuple[int, int, bytes, bytes]:
    quote = _QUOTE.match(lines[node.lineno - 1], node.col_offset)
    if quote is None:
        raise ValueError(f"line {node.lineno}: no quote before {text!r}")
    return node.lineno - 1, quote.end(), text.encode(), prefix + text.encode()
