"""What `import fluke` offers; a change of these names breaks the programs of users."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fluke
from fluke.__main__ import main

NAMES = {
    "Config",
    "ConfigError",
    "Model",
    "Run",
    "UserError",
    "list_runs",
    "load_config",
    "load_model",
    "open_run",
    "run",
}
OF_A_MODEL = {"classes", "predict", "probabilities", "run"}
OF_A_RUN = {"config", "counts", "figures", "folders", "id", "metrics", "model", "report", "state", "table", "tables"}
GUIDE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_public_names_are_these() -> None:
    assert set(fluke.__all__) == NAMES
    assert {name for name in vars(fluke.Model) if not name.startswith("_")} == OF_A_MODEL
    assert {name for name in vars(fluke.Run) if not name.startswith("_")} == OF_A_RUN


def test_each_has_a_description_and_the_guide_names_it() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for name in NAMES:
        assert inspect.getdoc(getattr(fluke, name)), name
        assert f"fluke.{name}" in guide, name


def test_the_guide_names_nothing_else() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert set(re.findall(r"\bfluke\.([A-Za-z]\w+)", guide)) <= NAMES | {"flows", "tasks", "configs"}
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        compile(block, "docs/python.md", "exec")
        assert set(re.findall(r"\brun\.(\w+)", block)) <= OF_A_RUN
        assert set(re.findall(r"\bmodel\.(\w+)", block)) <= OF_A_MODEL


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, fluke; print(*({'prefect', 'pandas', 'tensorflow', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_on_windows_the_command_says_in_one_line_that_it_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit, match="WSL"):
        main()
