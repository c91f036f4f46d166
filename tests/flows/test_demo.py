"""The demo, from the installed wheel: all stages, a good accuracy, and a cached second run of the checkout."""

import json
from pathlib import Path

import pytest

from configs.schema import STAGE_NAMES
from flows.run_records import read_records
from tasks import tables
from tasks.store.store import Store
from tests.helpers import wheel
from tests.helpers.pipeline import Fluke, built, digests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(api_url: str, tmp_path_factory: pytest.TempPathFactory) -> Fluke:
    """A data folder in which the demo has run, from the wheel, beside modules of another project with common names."""
    folder = tmp_path_factory.mktemp("demo")
    python = wheel.install(wheel.build(folder), folder / "environment")
    wheel.write_decoys(folder / "project")
    installed = Fluke(
        folder / "data",
        api_url,
        Path(),
        environment={"PYTHONPATH": ""},
        command=(str(python), "-m", "fluke"),
        folder=folder / "project",
    )
    process = installed.start("run", "demo", "crawl.port=18765")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    return Fluke(folder / "data", api_url, Path())


def test_all_seven_stages_are_built_and_the_digits_are_classified(demo: Fluke) -> None:
    record = read_records(demo.data)[0]
    assert built(record) == list(STAGE_NAMES)
    scores = record.stages[-1].counts
    assert scores["accuracy"] > scores["logistic regression's accuracy"] > scores["nearest photo's accuracy"]
    assert scores["accuracy"] > 0.6
    assert scores["accuracy from"] < scores["accuracy"] < scores["accuracy to"]
    assert scores["majority class's accuracy"] < 0.2
    pretrain = next(stage for stage in record.stages if stage.artifact.stage == "pretrain").counts
    assert pretrain["error"] < pretrain["error of a resize"]


def test_the_evaluation_contains_the_files_that_the_readme_lists(demo: Fluke) -> None:
    store = Store(demo.data)
    folder = store.folder(store.manifests("evaluate")[0].artifact)
    metrics = json.loads(tables.evaluate.METRICS.path(folder).read_text())
    assert metrics["photos"]["test"] > 200
    assert tables.evaluate.SUBMISSION.path(folder).read_text().splitlines()[0] == "Image,Id"
    page = tables.evaluate.REPORT.path(folder).read_text(encoding="utf-8")
    assert "the majority class alone gives" in page
    assert len(page) < 15_000_000
    for outside in ('src="http', "src='http", 'href="http', "@import", "url(http"):
        assert outside not in page


def test_after_a_fresh_crawl_of_the_same_site_all_other_stages_are_cached(demo: Fluke) -> None:
    before = read_records(demo.data)[0]
    demo("run", "demo", "crawl.port=18765", "--fresh", "crawl")
    after = read_records(demo.data)[0]
    assert built(after) == ["crawl"]
    assert next(stage.counts["fetched"] for stage in after.stages) == 0
    assert digests(after) == digests(before)
