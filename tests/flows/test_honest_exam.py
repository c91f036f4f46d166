"""The whole pipeline: what the filter removes from the test is scored apart; nothing else depends on it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from configs.load import load
from flows.pipeline import stages
from tasks import tables
from tasks.held_out import held_out
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers.evaluation import read_metrics
from tests.helpers.pipeline import TINY, write_photos

pytestmark = pytest.mark.slow


class Exam:
    """A folder of photos, and runs over them in a data folder."""

    def __init__(self, root: Path) -> None:
        self.photos, self.store = root / "photos", Store(root / "data")
        write_photos(self.photos, 60)

    def add_dark(self, count: int, start: int = 0) -> None:
        """Add dark photos to each class; they fail no other check, and no two are near duplicates."""
        for label in ("black", "grey", "white"):
            for number in range(start, start + count):
                rough = np.random.default_rng((number, ord(label[0]))).integers(0, 50, (24, 24, 3), np.uint8)
                path = str(self.photos / label / f"dark{number}.png")
                cv2.imwrite(path, cv2.resize(rough, (48, 48), interpolation=cv2.INTER_CUBIC))

    def run(self, *settings: str) -> dict[str, Outcome]:
        config = load("default", [f"crawl.path={self.photos}", *TINY, *settings])
        outcomes: dict[str, Outcome] = {}
        with ThreadPoolExecutor(2) as executor:
            run = Run(self.store, executor)

            def get_or_build(stage, section, **parents):
                outcomes[stage.name] = run.get_or_build(stage, section, **parents)
                return outcomes[stage.name].artifact

            for _ in stages(config, get_or_build):
                pass
        return outcomes

    def folder(self, outcome: Outcome) -> Path:
        return self.store.folder(outcome.artifact)


@pytest.mark.parametrize("input_", ["features", "tiles"])
def test_the_exam_is_the_same_with_and_without_photos_that_a_check_removes(tmp_path: Path, input_: str) -> None:
    exam = Exam(tmp_path)
    before = exam.run(f"train.input={input_}")
    exam.add_dark(5)
    after = exam.run(f"train.input={input_}")
    kept = exam.folder(after["filter"])
    removed = tables.REMOVED.read(kept)
    assert len(removed) > 0
    assert set(removed["reason"]) == {"too dark"}
    assert set(removed["photo"]) <= held_out(kept)

    # Nothing is trained on them: not even the same classifier is trained again.
    assert tables.KEPT.read(kept).equals(tables.KEPT.read(exam.folder(before["filter"])))
    for stage in {"pretrain", "train"} & after.keys():
        assert after[stage].cached, stage
        assert after[stage].artifact == before[stage].artifact
    trained_on = set(tables.TRAINED_ON.read(exam.folder(after["train"]))["photo"])
    assert not trained_on & set(removed["photo"])
    for stage in {"preprocess", "extract"} & after.keys():
        index, apart = (table.read(exam.folder(after[stage])) for table in (tables.INDEX, tables.REMOVED_INDEX))
        assert not set(index["photo"]) & set(removed["photo"])
        assert set(apart["photo"]) == set(removed["photo"])
        assert after[stage].manifest.counts["new"] == len(removed)

    # The headline stays; what they would change is measured apart.
    first, second = (read_metrics(exam.folder(outcomes["evaluate"])) for outcomes in (before, after))
    apart = second.pop("removed")
    assert second == first
    assert apart["photos"] == len(removed)
    assert apart["scores"]["accuracy"]["without"]["value"] == first["test"]["scores"]["accuracy"]["value"]
    right = first["test"]["scores"]["accuracy"]["value"] * first["photos"]["test"] + apart["right"]
    total = first["photos"]["test"] + len(removed)
    assert apart["scores"]["accuracy"]["with"]["value"] == pytest.approx(right / total, abs=1e-6)

    # Without the check, they are in the test, as the report says.
    unchecked = tables.KEPT.read(exam.folder(exam.run(f"train.input={input_}", "filter.dark_level=null")["filter"]))
    assert set(removed["photo"]) <= set(unchecked.loc[unchecked["split"] == "test", "photo"])


def test_one_more_removed_photo_computes_one_tile_and_evaluates_again(tmp_path: Path) -> None:
    exam = Exam(tmp_path)
    exam.add_dark(5)
    before = exam.run("train.input=tiles")
    exam.add_dark(4, start=5)
    after = exam.run("train.input=tiles")
    more = len(tables.REMOVED.read(exam.folder(after["filter"]))) - len(
        tables.REMOVED.read(exam.folder(before["filter"]))
    )
    assert more > 0
    assert after["preprocess"].manifest.counts["new"] == more
    assert after["train"].cached
    assert not after["evaluate"].cached
    again = exam.run("train.input=tiles")
    assert all(outcome.cached for outcome in again.values())
