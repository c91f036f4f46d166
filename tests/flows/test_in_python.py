"""`import fluke` against the command: the same runs, tables and answers, also inside a running event loop."""

import json
from pathlib import Path

import pandas as pd
import pytest

from flows.run_records import read_records
from tasks.text import SPACE
from tests.helpers.pipeline import TINY, Fluke
from tests.helpers.warm_process import WarmProcess

pytestmark = pytest.mark.slow
CODE = """
import asyncio, json, sys
from pathlib import Path
import PIL.Image
import fluke
from tasks.inference.limits import Limit, Limits

async def notebook():  # a notebook's cells run inside an event loop
    return fluke.run("default", *sys.argv[2:], show=False)

run = asyncio.run(notebook())
Limits(Limit(0.95, 0.6), Limit(0.9, 0.2)).write(run.folders["evaluate"])
photos = sorted(path for path in Path(sys.argv[1]).rglob("*.png"))
model = fluke.load_model()
table = model.predict(photos)
table.to_parquet("found.parquet")
bytes_and_junk = model.predict([photos[0].read_bytes(), b"junk", PIL.Image.open(photos[0])])
print(json.dumps({
    "run": run.id, "state": run.state, "kept": len(run.table("kept")), "classes": model.classes,
    "accuracy": run.counts["evaluate"]["accuracy"], "figures": list(run.figures), "report": run.report.exists(),
    "first": bytes_and_junk["class_1"].fillna("").tolist(), "errors": bytes_and_junk["error"].tolist(),
    "sum": model.probabilities(photos[0]).sum(),
}))
"""


def test_a_run_and_predictions_equal_those_of_the_command(copy: Fluke, tmp_path: Path) -> None:
    arguments = [str(copy.photos), f"crawl.path={copy.photos}", *TINY]
    out, _ = WarmProcess.run("-c", CODE, *arguments, environment=copy._environment({}), folder=tmp_path)
    found = json.loads(out.splitlines()[-1])
    record = read_records(copy.data)[0]
    assert (found["run"], found["state"]) == (record.id, "done")
    assert all(stage.cached for stage in record.stages)
    assert found["accuracy"] == record.stages[-1].counts["accuracy"]
    assert found["kept"] > 0
    assert found["report"]
    assert found["figures"]
    printed = copy("predict", str(copy.photos), "--out", str(tmp_path / "expected.parquet"))
    assert "unsure: answers with a probability below 60.0 %" in printed.replace(SPACE, " ")
    expected = pd.read_parquet(tmp_path / "expected.parquet").sort_values("image", ignore_index=True)
    table = pd.read_parquet(tmp_path / "found.parquet")
    table["image"] = expected_names(table["image"], expected["image"])
    assert list(table.columns)[-3:] == ["unsure", "possible_classes", "error"]
    pd.testing.assert_frame_equal(table.sort_values("image", ignore_index=True), expected, atol=1e-5)
    assert found["first"] == [table["class_1"][0], "", table["class_1"][0]]
    assert found["errors"][1]
    assert found["sum"] == pytest.approx(1, abs=1e-4)


def expected_names(names: "pd.Series[str]", listed: "pd.Series[str]") -> list[str]:
    """Return the names that the command gives: those of a folder's photos begin with their sub-folder."""
    full = {Path(name).name: name for name in listed}
    return [full[name] for name in names]
