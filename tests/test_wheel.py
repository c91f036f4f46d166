"""The wheel has one package, whose modules import each other by their names in it."""

import ast
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.store import hashing
from tests.helpers import wheel

MOVED = ("flows", "tasks", "configs")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel.build(folder)) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def _run(folder: Path, unpacked: Path, code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_it_has_one_package_with_types_and_all_files_of_the_repository(unpacked: Path) -> None:
    assert {path.name.partition("-")[0] for path in unpacked.iterdir()} == {"fluke"}
    assert (unpacked / "fluke" / "py.typed").exists()
    listed = subprocess.run(
        ["git", "ls-files", "fluke", *MOVED], cwd=wheel.REPOSITORY, capture_output=True, text=True, check=True
    )
    expected = {name if name.startswith("fluke/") else f"fluke/{name}" for name in listed.stdout.split("\n") if name}
    assert expected <= {str(path.relative_to(unpacked)) for path in unpacked.rglob("*")}


@pytest.mark.slow
def test_every_import_is_of_a_module_in_it_or_of_a_library(unpacked: Path) -> None:
    modules = {
        ".".join(path.relative_to(unpacked).with_suffix("").parts).removesuffix(".__init__")
        for path in unpacked.rglob("*.py")
    }
    for path in unpacked.rglob("*.py"):
        for name in _imported(path):
            assert name.split(".")[0] not in MOVED, path
            assert not name.startswith("fluke.") or name in modules, path


def test_beside_modules_of_the_same_names_it_imports_its_own(unpacked: Path, tmp_path: Path) -> None:
    wheel.write_decoys(tmp_path)
    code = (
        "import sys, fluke, fluke.flows.cli\n"
        "from fluke.tasks.store import plugins\n"
        "plugins.load('fluke.tasks.crawl.sources', 'folder')\n"
        "print(fluke.__file__, *({'flows', 'tasks', 'configs'} & set(sys.modules)))"
    )
    assert _run(tmp_path, unpacked, code).split() == [str(unpacked / "fluke" / "__init__.py")]


@pytest.mark.slow
def test_stages_have_the_same_source_digest_so_that_artifacts_of_a_checkout_are_used(
    unpacked: Path, tmp_path: Path
) -> None:
    stages = ["tasks.crawl.stage", "tasks.filter.stage", "tasks.pretrain.stage", "tasks.train.stage"]
    code = f"from fluke.tasks.store import hashing\nprint(*(hashing.of_source('fluke.' + stage) for stage in {stages}))"
    assert _run(tmp_path, unpacked, code).split() == [hashing.of_source(stage) for stage in stages]
