"""The catalog: complete, documented, and the only modules that spell the names of files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tasks import tables
from tasks.store.table import Table
from tasks.tables.document import document

ROOT = Path(__file__).parents[2]
ALLOWED = {
    *(path.relative_to(ROOT) for path in (ROOT / "tasks/tables").iterdir()),
    # FiftyOne has a file of the same name as one of ours.
    Path("tasks/crawl/listing/annotated.py"),
    Path("flows/dataset/formats/fiftyone.py"),
    Path("tests/tasks/crawl/listing/test_annotated.py"),
}


def test_the_page_about_artifacts_is_up_to_date() -> None:
    assert (ROOT / "docs/artifacts.md").read_text(encoding="utf-8") == document(), "run `make docs`"


def test_no_file_is_in_the_catalog_twice() -> None:
    names = [file.name for file in tables.files()]
    assert len(names) == len(set(names))


def test_columns_of_a_table_have_different_names() -> None:
    for table in tables.files():
        if isinstance(table, Table):
            assert len(table.names) == len(set(table.names)), table.name


@pytest.mark.slow
@pytest.mark.parametrize("package", ["tasks", "flows", "configs", "benchmarks", "tests"])
def test_no_other_module_spells_the_name_of_a_file(package: str) -> None:
    names = [file.name for file in tables.files() if "." in file.name]
    found = {
        (str(path.relative_to(ROOT)), text)
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.relative_to(ROOT) not in ALLOWED
        for text in texts(path)
        if any(name in text for name in names)
    }
    assert not found


def test_the_catalog_is_imported_without_heavy_packages() -> None:
    code = "import sys; import tasks.tables; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"pandas", "pyarrow", "numpy", "keras", "prefect"} & set(done.stdout.split())


def test_a_frame_with_other_columns_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"snapshot\.parquet: the columns \['photo', 'label'\] are not those"):
        tables.pretrain.SNAPSHOT.write(pd.DataFrame({"photo": ["a"], "label": ["cat"]}), tmp_path)
    with pytest.raises(ValueError, match=r"snapshot\.parquet"):
        tables.pretrain.SNAPSHOT.write_rows([{"label": "cat"}], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    frame = pd.DataFrame([("a", "pools/x.npy", 3, "d")], columns=tables.shared.INDEX.names)
    tables.shared.INDEX.write(frame, tmp_path)
    pd.testing.assert_frame_equal(tables.shared.INDEX.read(tmp_path), frame)
    assert list(tables.shared.INDEX.read(tmp_path, ["row", "photo"]).columns) == ["row", "photo"]


def texts(path: Path) -> Iterator[str]:
    """All strings in a module's code, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.value
