"""A change of test photos alone, kept or removed, trains nothing again; any other change does."""

import shutil
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
from tasks.store.store import Store
from tasks.tables.extract import COPIES_INDEX
from tasks.tables.filter import KEPT, MEMORY, REJECTED
from tasks.tables.shared import INDEX
from tasks.tables.train import LINEAGE, TRAINED_ON
from tasks.train import stage as train
from tasks.train.same_photos import accept_stale, photos_digest
from tests.helpers import stored_tables
from tests.helpers.training import CONFIG, NO_ENCODER

ROWS = [(f"{split}{label}{i}", label, split) for split in ("train", "val", "test") for label in "ab" for i in range(3)]
QUICK = CONFIG.model_copy(update={"epochs": 1})


class Night:
    """A filter's artifact with some rows, and tiles of all its photos; rejected photos by split."""

    def __init__(self, folders: Any, tiles: Mapping[str, Any]) -> None:
        self._folders, self._tiles = folders, tiles

    def parents(self, rows: list[tuple[str, str, str]], rejected: Mapping[str, str] = {}) -> dict[str, Artifact]:
        def build(config: FilterConfig, *, context: StageContext) -> Result:
            table = pd.DataFrame(rows, columns=["photo", "label", "split"])
            stored_tables.write(KEPT, table.assign(group=table["photo"]), context.out)
            others = pd.DataFrame({"photo": list(rejected), "split": list(rejected.values())}, dtype=str)
            stored_tables.write(REJECTED, others, context.out)
            return Result({"photos": len(rows)}, digest=hashing.of_value([rows, dict(rejected)]))

        stage = Stage("filter", 1, build=build, external_inputs=lambda config, root: {"rows": str((rows, rejected))})
        kept = self._folders.get_or_build(stage, FilterConfig()).artifact
        tiles = {photo: self._tiles.get(photo, self._tiles["traina0"]) for photo, _, _ in rows}
        parents: dict[str, Artifact] = self._folders.features(kept, self._folders.tiles(kept, tiles), NO_ENCODER)
        return parents

    def train(self, rows: list[tuple[str, str, str]], rejected: Mapping[str, str] = {}) -> Outcome:
        outcome: Outcome = self._folders.get_or_build(train.STAGE, QUICK, **self.parents(rows, rejected))
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
    parents = night.parents(ROWS)
    kept, tiles, features = (folders.store.folder(parents[name]) for name in ("kept", "tiles", "features"))
    digest = photos_digest(kept, tiles, features)
    index = INDEX.read(tiles)
    for photo, is_used in (("traina0", True), ("valb1", True), ("testb2", False)):
        other = index.assign(digest=index["digest"].where(index["photo"] != photo, "f" * 24))
        home = folders.store.root / photo
        home.mkdir()
        INDEX.write(other, home)
        assert (photos_digest(kept, home, features) != digest) == is_used


def test_the_digest_covers_features_and_copies_but_not_those_of_the_test(made_once) -> None:
    store = Store(made_once.root)
    kept, tiles, features = (store.folder(made_once.frozen[name]) for name in ("kept", "tiles", "features"))
    digest = photos_digest(kept, tiles, features)
    split = KEPT.read(kept).set_index("photo")["split"]
    for number, (table, part, is_used) in enumerate(
        (
            (INDEX, "train", True),
            (INDEX, "val", True),
            (INDEX, "test", False),
            (COPIES_INDEX, "train", True),
            (COPIES_INDEX, "test", False),
        )
    ):
        home = made_once.root.parent / f"other features {number}"
        shutil.copytree(features, home)
        photo = split[split == part].index[0]
        index = INDEX.read(features)
        if table is COPIES_INDEX:
            COPIES_INDEX.write(index[index["photo"] == photo].assign(copy=1), home)
        else:
            INDEX.write(index.assign(digest=index["digest"].where(index["photo"] != photo, "f" * 24)), home)
        assert (photos_digest(kept, tiles, home) != digest) == is_used, (table.name, part)


@pytest.mark.filterwarnings("error")
def test_the_digest_without_features_gives_no_warning(made_once) -> None:
    store = Store(made_once.root)
    assert photos_digest(*(store.folder(made_once.scratch[name]) for name in ("kept", "tiles", "features")))


@pytest.mark.parametrize("lineage", ["[]", "1", '"nights"', "{", "\x00"])
def test_a_classifier_with_a_damaged_lineage_is_not_reused(tmp_path: Path, lineage: str) -> None:
    stored_tables.write(TRAINED_ON, pd.DataFrame({"photo": ["a"]}), tmp_path)
    LINEAGE.path(tmp_path).write_text(lineage)
    assert accept_stale(QUICK, tmp_path, kept=tmp_path, tiles=tmp_path, encoder=tmp_path, features=tmp_path) is None


@pytest.mark.slow
def test_a_classifier_that_continued_one_of_another_memory_is_not_reused(night, folders) -> None:
    first = night.train(ROWS)
    folder = folders.store.folder(first.artifact)
    where = {name: folders.store.folder(parent) for name, parent in night.parents(ROWS[:-1]).items()}
    kept = where["kept"]
    assert accept_stale(QUICK, folder, **where)
    MEMORY.path(kept).write_text('{"name": "other", "seed": 0, "generation": 1}')
    assert accept_stale(QUICK, folder, **where)  # all that it was trained on is in train here
    seen = TRAINED_ON.read(folder)
    seen.loc[len(seen)] = "a photo of a training before"
    stored_tables.write(TRAINED_ON, seen, folder)
    assert accept_stale(QUICK, folder, **where) is None
    MEMORY.path(kept).unlink()
    assert accept_stale(QUICK, folder, **where)


@pytest.mark.slow
def test_a_refitted_classifier_is_kept_when_test_photos_change_but_not_when_one_it_validated_on_is_tested(
    folders, frozen
) -> None:
    logistic = CONFIG.model_copy(update={"recipe": "logistic"})
    folder = folders.folder(folders.get_or_build(train.STAGE, logistic, **frozen))
    where = {name: folders.store.folder(parent) for name, parent in frozen.items()}
    kept = KEPT.read(where["kept"])
    stored_tables.write(KEPT, kept[kept["photo"] != kept[kept["split"] == "test"]["photo"].iloc[0]], where["kept"])
    assert accept_stale(logistic, folder, **where)
    validated = kept["photo"] == kept[kept["split"] == "val"]["photo"].iloc[0]
    stored_tables.write(KEPT, kept.assign(split=kept["split"].mask(validated, "test")), where["kept"])
    assert accept_stale(logistic, folder, **where) is None
