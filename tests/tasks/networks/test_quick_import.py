"""The import of Keras, tried with a package of its kind: Keras itself is imported once in a process."""

import gc
import sys
from importlib import import_module, invalidate_caches, resources
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.networks import quick_import


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a package that imports another one, if that is there."""
    (tmp_path / "toy_plots.py").write_text("")
    package = tmp_path / "toy_keras"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import gc\ntry:\n    import toy_plots\nexcept ImportError:\n    toy_plots = None\ncollects = gc.isenabled()\n"
    )
    for name in ("toy_keras", "toy_plots"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(quick_import, "KERAS", "toy_keras")
    monkeypatch.setattr(quick_import, "HIDDEN", frozenset({"toy_plots"}))
    invalidate_caches()
    return package


def test_what_keras_can_do_without_is_hidden_only_while_it_is_imported(toy: Path) -> None:
    before = list(sys.meta_path)
    quick_import.install()
    assert find_spec("toy_keras")  # TensorFlow looks for it before it imports it
    found = import_module("toy_keras")
    assert found.toy_plots is None
    assert not found.collects
    assert gc.isenabled()
    assert gc.get_freeze_count()
    assert sys.meta_path == before
    assert import_module("toy_plots")
    assert resources.files("toy_keras") == toy


def test_what_is_loaded_already_stays(toy: Path) -> None:
    plots = import_module("toy_plots")
    quick_import.install()
    assert import_module("toy_keras").toy_plots is plots


def test_after_an_import_that_failed_another_one_is_an_ordinary_one(toy: Path) -> None:
    code = (toy / "__init__.py").read_text()
    (toy / "__init__.py").write_text("raise RuntimeError('no such library')")
    quick_import.install()
    with pytest.raises(RuntimeError, match="no such library"):
        import_module("toy_keras")
    (toy / "__init__.py").write_text(f"{code}\n# longer, so that it is read again\n")
    invalidate_caches()
    assert import_module("toy_keras").toy_plots is not None
    assert gc.isenabled()
