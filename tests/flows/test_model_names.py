"""Names of models: who has them, and what can't be a name."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows import model_names
from tasks.store.errors import UserError


def test_names_are_kept_until_they_are_removed(tmp_path: Path) -> None:
    assert model_names.read(tmp_path) == {}
    model_names.add(tmp_path, "b.2", "run 1")
    model_names.add(tmp_path, "Äpfel", "run 1")
    model_names.add(tmp_path, "b.2", "run 1")  # again
    model_names.add(tmp_path, "a-3", "run 2")
    assert model_names.read(tmp_path) == {"a-3": "run 2", "b.2": "run 1", "Äpfel": "run 1"}
    assert model_names.of_runs(tmp_path) == {"run 2": ["a-3"], "run 1": ["b.2", "Äpfel"]}
    assert model_names.delete(tmp_path, "b.2") == "run 1"
    assert model_names.of_runs(tmp_path) == {"run 2": ["a-3"], "run 1": ["Äpfel"]}


def test_a_name_has_one_run(tmp_path: Path) -> None:
    model_names.add(tmp_path, "champion", "run 1")
    with pytest.raises(UserError, match="'champion' is already the name of run run 1; `fluke name --delete champion`"):
        model_names.add(tmp_path, "champion", "run 2")
    with pytest.raises(UserError, match="no model is named 'champoin'; the names are champion"):
        model_names.delete(tmp_path, "champoin")
    assert model_names.read(tmp_path) == {"champion": "run 1"}


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "../x", "a/b", "-x", ".x", "x\n", "x" * 101, "x.yaml", "X.YML", "\x1b[2J"]
)
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="can't be the name of a model"):
        model_names.add(tmp_path, name, "run 1")
    assert not (tmp_path / model_names.FILE).exists()


@pytest.mark.parametrize("content", ['{"a": ', "[]", '{"a": 1}', "", "\xff"])
def test_a_damaged_file_is_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / model_names.FILE
    path.write_text(content, encoding="latin-1")
    for use in (model_names.read, lambda root: model_names.add(root, "b", "run"), lambda r: model_names.delete(r, "a")):
        with pytest.raises(UserError, match=r"names\.json: damaged"):
            use(tmp_path)
    assert path.read_text(encoding="latin-1") == content


def test_names_given_at_once_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: model_names.add(tmp_path, f"n{number}", "run"), range(30)))
    assert len(model_names.read(tmp_path)) == 30
