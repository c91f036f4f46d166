"""docs/notebook.ipynb, executed cell by cell in an empty folder."""

from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_notebook_runs_and_its_model_answers(api_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api_url)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("FLUKE_DATA", raising=False)
    notebook = nbformat.read(ROOT / "docs/notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(tmp_path)}}).execute()
    last = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    assert "lying" in last.outputs[-1]["data"]["text/plain"]
