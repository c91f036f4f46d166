"""The examples of CONTRIBUTING.md work with the code as it is."""

import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

import configs.schema
from configs.schema import TrainConfig
from tasks.crawl import sources
from tasks.train.recipes import Recipe
from tasks.train.training_set import TrainingSet

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)]


def _example(beginning: str) -> ModuleType:
    """Return the module of the only block that begins so."""
    [code] = [block for block in BLOCKS if block.startswith(beginning)]
    module = ModuleType("example")
    exec(compile(code, f"CONTRIBUTING.md: {beginning}", "exec"), module.__dict__)
    return module


def _run_its_test(name: str, tmp_path: Path) -> None:
    [code] = [block for block in BLOCKS if f"def {name}" in block]
    test: dict[str, Any] = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), test)
    test[name](tmp_path)


def test_the_source_passes_its_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = _example('"""Photos in one folder')
    monkeypatch.setattr(sources, "prefix", prefix, raising=False)
    _run_its_test("test_the_class_is_the_beginning_of_the_name", tmp_path)
    assert callable(prefix.external_inputs)


def test_the_stage_passes_its_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _example('"""Settings of the census').CensusConfig
    monkeypatch.setattr(configs.schema, "CensusConfig", config, raising=False)
    monkeypatch.setitem(sys.modules, "tasks.tables.census", _example('"""Files of the census'))
    package, stage = ModuleType("tasks.census"), _example('"""Count the kept photos')
    monkeypatch.setitem(sys.modules, "tasks.census", package)
    monkeypatch.setitem(sys.modules, "tasks.census.stage", stage)
    _run_its_test("test_photos_are_counted_by_class_and_split", tmp_path)


def test_the_recipe_has_what_the_protocol_says() -> None:
    data = cast(TrainingSet, SimpleNamespace(kind="network"))
    recipe = _example('"""The class whose mean').MeansRecipe(TrainConfig(), data)
    wanted = {*Recipe.__annotations__, *(name for name in vars(Recipe) if not name.startswith("_"))}
    assert {name for name in wanted if not hasattr(recipe, name)} == set()


def test_the_kind_of_encoder_has_what_the_package_says() -> None:
    module = _example('"""The mean colours')
    for name in ("build", "external_inputs", "accept_stale", "dynamic_modules"):
        assert callable(getattr(module, name))
