"""Hooks of MkDocs: pages of the site that are not files in docs/.

The README is the home page; CHANGELOG, CONTRIBUTING and SECURITY are pages, too. The page of commands comes from the
command line itself, the page of settings from the schema of the config, and the page of messages from the source, so
none of them can be out of date.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/comparisons/README.md": "comparisons.md",
}
"""Files of the repository that are pages, and the pages' names."""
NO_PAGES = ("LICENSE", "data/README.md")
"""Files that are linked but no pages: their links become plain text."""
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    pages = {page: (REPOSITORY / name).read_text(encoding="utf-8") for name, page in OUTSIDE.items()}
    for page, content in {
        **pages,
        "commands.md": commands(),
        "settings.md": settings(),
        "messages.md": messages(),
    }.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links lead to the pages of the site, where in the repository they lead to files."""
    names = {name: source for source, name in OUTSIDE.items()}
    source = Path(names.get(page.file.src_uri, f"docs/{page.file.src_uri}"))
    return _LINK.sub(lambda match: _link(match, source.parent), markdown)


def _link(match: re.Match[str], folder: Path) -> str:
    picture, text, target, anchor = match.groups()
    if ":" in target or target.startswith("<"):
        return match.group()
    path = (REPOSITORY / folder / target).resolve()
    name = path.relative_to(REPOSITORY).as_posix() if path.is_relative_to(REPOSITORY) else target
    if name in NO_PAGES:
        return text
    return f"{picture}[{text}]({OUTSIDE.get(name, name.removeprefix('docs/'))}{anchor or ''})"


def commands() -> str:
    """Return the page of all commands and their options, in Markdown."""
    words = [sys.executable, "-m", "typer", "flows.cli", "utils", "docs", "--name", "fluke", "--title", "Commands"]
    page = subprocess.run(words, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    # Typer cuts the sentence of each command in the list of commands; its own section has the whole one.
    whole = dict(re.findall(r"^#+ `fluke (?:\S+ )*?(\S+)`\n\n(.+?)\n\n", page, re.MULTILINE | re.DOTALL))
    return re.sub(r"^\* `(\S+)`: .*\.\.\.$", lambda match: _listed(match, whole), page, flags=re.MULTILINE)


def _listed(match: re.Match[str], whole: dict[str, str]) -> str:
    name = match[1]
    return f"* `{name}`: {' '.join(whole[name].split())}" if name in whole else match[0]


def settings() -> str:
    """Return the page of all settings with descriptions and defaults, in Markdown."""
    from configs.as_yaml import to_yaml
    from configs.load import as_given

    head = (
        "# Settings\n\nAll settings with their defaults, as `fluke config default` prints them. Change one on the "
        "command line (`train.epochs=5`), or in a YAML file that `fluke run FILE.yaml` takes.\n"
    )
    return f"{head}\n```yaml\n{to_yaml(as_given('default', ()))}```\n"


def messages() -> str:
    """Return the page of all messages of the errors that a user can mend, in Markdown; `...` is a name or a value."""
    parts = ["# Messages", "Each is one line. `...` stands for a name, a value or a path."]
    for package in ("configs", "tasks", "flows"):
        for folder in sorted({path.parent for path in (REPOSITORY / package).rglob("*.py")}):
            found = sorted({text for path in sorted(folder.glob("*.py")) for text in _messages_of(path)})
            if found:
                parts.append(f"## {folder.relative_to(REPOSITORY).as_posix()}")
                parts.append("\n".join(f"- {text}" for text in found))
    return "\n\n".join(parts) + "\n"


def _messages_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            is_ours = node.func.id.endswith("Error") and node.func.id not in ("ValueError", "TypeError", "KeyError")
            text = _text_of(node.args[0])
            if is_ours and len(text.replace("...", "").split()) > 2:
                yield f"`{text}`"


def _text_of(node: ast.expr) -> str:
    """Return the text of a string in source code, with `...` for its values; empty if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("`", "'")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) or "..." for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (_text_of(node.left) or "...") + (_text_of(node.right) or "...")
    return ""
