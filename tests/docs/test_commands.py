"""What the README, docs/ and the comments of presets name exists: commands with options, settings, benchmarks."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from configs.load import load
from configs.schema import Config
from flows.cli import app

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "configs").glob("*.yaml"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *PRESETS]
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(fluke [a-z][^`]*)`")
_FLUKE = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(fluke [a-z-].*)")
_BENCHMARK = re.compile(r"benchmarks[./](?:comparisons[./])?(?!md\b)[a-z]\w*")
_SETTING = re.compile(
    r"(?<![\w./-])((?:crawl|filter|preprocess|pretrain|extract|train|evaluate|workers)\.[a-z][a-z_0-9.]*)"
)
_NO_SETTING = re.compile(r"\.(py|md|parquet|json|keras|npz|yaml|csv|html)$")


def _lines(page: Path) -> Iterator[str]:
    """Yield the commands of fluke on a page: lines of blocks or of a preset's comment, and those within sentences."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for language, block in _BLOCK.findall(text) if language in ("", "sh", "bash")]
    if page in PRESETS:
        blocks = [re.sub(r"^#   ", "", text, flags=re.MULTILINE)]
    for block in blocks:
        found = (_FLUKE.match(line) for line in block.replace("\\\n", " ").split("\n"))
        yield from (match[1] for match in found if match)
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        if "..." not in span and "…" not in span:
            yield " ".join(span.partition("|")[0].rstrip("\\").split())  # `fluke service install|list`


def _options(command: Any) -> set[str]:
    return {
        "--help",
        *(option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]),
    }


def _unknown(words: list[str]) -> list[str]:
    """Return the sub-command and the options of a line that don't exist."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        if words[0] not in command.commands:
            return words[:1] if words[0] not in _options(command) else []
        command, words = command.commands[words[0]], words[1:]
    options = [word.partition("=")[0] for word in words if word.startswith("-") and word != "-"]
    return [option for option in options if option not in _options(command)]


def _known_settings(fields: object = Config, prefix: str = "") -> Iterator[str]:
    for name, field in getattr(fields, "model_fields", {}).items():
        yield f"{prefix}{name}"
        yield from _known_settings(field.annotation, f"{prefix}{name}.")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_have_options_that_exist(page: Path) -> None:
    for line in _lines(page):
        words = shlex.split(re.split(r"\s[>|&]+\s", line)[0], comments=True)[1:]
        assert not _unknown(words), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_benchmarks_that_pages_name_exist(page: Path) -> None:
    named = {name.replace(".", "/") for name in _BENCHMARK.findall(page.read_text(encoding="utf-8"))}
    files = (ROOT / f"{name}{suffix}" for name in named for suffix in ("", ".py", ".md"))
    assert {path.with_suffix("").relative_to(ROOT).as_posix() for path in files if path.exists()} == named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_that_pages_name_exist(page: Path) -> None:
    known = set(_known_settings())
    named = set(_SETTING.findall(page.read_text(encoding="utf-8")))
    stale = {name for name in named if not _NO_SETTING.search(name) and name.rstrip(".") not in known}
    assert not stale


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_line_of_commands_in_a_preset_can_be_copied(preset: Path) -> None:
    """A command that is too long for its line would leave words on the next one, which a shell would run."""
    commands = preset.read_text(encoding="utf-8").partition("# Layout:")[0]
    indented = re.findall(r"^#   (\S+)", commands, re.MULTILINE)
    assert set(indented) == {"fluke"}


def test_the_config_of_the_tutorial_is_valid(tmp_path: Path) -> None:
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    file = tmp_path / "digits.yaml"
    file.write_text(text.partition("<<'END'\n")[2].partition("END\n")[0])
    assert list(load(str(file), []).crawl.keywords) == ["zero", "one", "four"]
