"""A change of test photos alone, kept or removed, trains nothing again; any other change does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.schema import FilterConfig
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, Result
from tasks.store.stage import Outcome, Stage
from tasks.tables import INDEX, KEPT, LINEAGE, MEMORY, REJECTED, TRAINED_ON
from tasks.train import stage as train
from tasks.train.same_photos import accept_stale, photos_digest
from tests.helpers import stored_tables
from tests.helpers.training import CONFIG

ROWS = [(f"{split}{label}{i}", label, split) for split in ("train", "val", "test") for label in "ab" for i in range(3)]
QUICK = CONFIG.model_copy(update={"epochs": 1})


class Night:
    """A filter's artifact with some rows, and tiles of all its photos; rejected photos by split."""

    def __init__(self, folders: Any, tiles: Mapping[str, Any]) -> None:
        self._folders, self._tiles = folders, tiles

    def kept(self, rows: list[tuple[str, str, str]], rejected: Mapping[str, str] = {}) -> tuple[Artifact, Artifact]:
        def build(config: FilterConfig, *, context: StageContext) -> Result:
            stored_tables.write(KEPT, pd.DataFrame(rows, columns=["photo", "label", "split"]), context.out)
            others = pd.DataFrame({"photo": list(rejected), "split": list(rejected.values())}, dtype=str)
            stored_tables.write(REJECTED, others, context.out)
            return Result({"photos": len(rows)}, digest=hashing.of_value([rows, dict(rejected)]))

        stage = Stage("filter", 1, build=build, external_inputs=lambda config, root: {"rows": str((rows, rejected))})
        kept = self._folders.get_or_build(stage, FilterConfig()).artifact
        tiles = {photo: self._tiles.get(photo, self._tiles["traina0"]) for photo, _, _ in rows}
        return kept, self._folders.tiles(kept, tiles)

    def train(self, rows: list[tuple[str, str, str]], rejected: Mapping[str, str] = {}) -> Outcome:
        kept, tiles = self.kept(rows, rejected)
        outcome: Outcome = self._folders.get_or_build(train.STAGE, QUICK, kept=kept, inputs=tiles)
        return outcome


@pytest.fixture
def night(folders, stripes):
    pictures = np.concatenate([stripes(0, 9), stripes(1, 9)])
    photos = sorted((photo for photo, _, _ in ROWS), key=lambda photo: photo[-2])
    return Night(folders, dict(zip(photos, pictures, strict=True)))


def moved(photo: str, **changes: str) -> list[tuple[str, str, str]]:
    """ROWS with another label or split of one photo."""
    return [
        (name, changes.get("label", label), changes.get("split", split)) if name == photo else (name, label, split)
        for name, label, split in ROWS
    ]


@pytest.mark.slow
def test_only_train_and_validation_photos_decide_whether_to_train_again(night) -> None:
    first = night.train(ROWS)
    assert not first.cached
    for rows, rejected in (
        (ROWS, {"dark": "test"}),  # removed from the test
        (ROWS[:-1], {}),  # one test photo less
        ([*ROWS, ("new", "a", "test")], {}),
        (moved("testa0", label="b"), {}),
    ):
        again = night.train(rows, rejected)
        assert again.cached
        assert again.why == "no train or validation photo has changed"
        assert again.artifact == first.artifact
    for rows, rejected in (
        (moved("vala0", split="train"), {}),
        (moved("traina0", label="b"), {}),
        (ROWS[1:], {}),
        ([*ROWS, ("new", "a", "val")], {}),
        (ROWS, {"trainb1": "test"}),  # a copy of a photo that it was trained on is tested now
    ):
        assert not night.train(rows, rejected).cached, (rows, rejected)


def test_the_digest_covers_the_content_of_the_tiles(night, folders, stripes) -> None:
    kept, tiles = night.kept(ROWS)
    digest = photos_digest(*map(folders.store.folder, (kept, tiles)))
    index = INDEX.read(folders.store.folder(tiles))
    for photo, is_used in (("traina0", True), ("valb1", True), ("testb2", False)):
        other = index.assign(digest=index["digest"].where(index["photo"] != photo, "f" * 24))
        home = folders.store.root / photo
        home.mkdir()
        INDEX.write(other, home)
        assert (photos_digest(folders.store.folder(kept), home) != digest) == is_used


@pytest.mark.parametrize("lineage", ["[]", "1", '"nights"', "{", "\x00"])
def test_a_classifier_with_a_damaged_lineage_is_not_reused(tmp_path: Path, lineage: str) -> None:
    stored_tables.write(TRAINED_ON, pd.DataFrame({"photo": ["a"]}), tmp_path)
    LINEAGE.path(tmp_path).write_text(lineage)
    assert accept_stale(QUICK, tmp_path, kept=tmp_path, inputs=tmp_path) is None


@pytest.mark.slow
def test_a_classifier_that_continued_one_of_another_memory_is_not_reused(night, folders) -> None:
    first = night.train(ROWS)
    folder = folders.store.folder(first.artifact)
    kept, tiles = map(folders.store.folder, night.kept(ROWS[:-1]))
    assert accept_stale(QUICK, folder, kept=kept, inputs=tiles)
    MEMORY.path(kept).write_text('{"name": "other", "seed": 0, "generation": 1}')
    assert accept_stale(QUICK, folder, kept=kept, inputs=tiles)  # all that it was trained on is in train here
    seen = TRAINED_ON.read(folder)
    seen.loc[len(seen)] = "a photo of a training before"
    stored_tables.write(TRAINED_ON, seen, folder)
    assert accept_stale(QUICK, folder, kept=kept, inputs=tiles) is None
    MEMORY.path(kept).unlink()
    assert accept_stale(QUICK, folder, kept=kept, inputs=tiles)
