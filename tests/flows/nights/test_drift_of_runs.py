"""Drift between runs: which photos are compared, what is said where, and when the run ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.schema import Config
from flows.run_records import RunRecord
from tasks import tables
from tasks.evaluate.findings import BEFORE_TRAINING, DRIFT
from tasks.filter.image_stats import STATS_DTYPE
from tasks.filter.measure import stats_pool
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.shards import Shard, ShardPool
from tests.helpers.checked_runs import CheckedRuns


class Nights(CheckedRuns):
    """Runs up to the extract stage, with made-up features and image statistics of each photo."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.photos = pd.DataFrame(columns=["photo", "label", "group", "split"])
        self.features: dict[str, np.ndarray] = {}

    def add(
        self, count: int, shift: float = 0, *, split: str = "train", group: str = "", features: bool = True
    ) -> None:
        """Add photos of both classes; the features of those of the class b are shifted."""
        rng = np.random.default_rng(len(self.photos))
        for label in ("a", "b"):
            for _ in range(count):
                photo = f"{len(self.photos):064x}"
                self.photos.loc[len(self.photos)] = [photo, label, (group and f"{group} {label}") or photo, split]
                vector = rng.normal(size=40) + 5 + shift * (label == "b") * np.linspace(-1, 1, 40)
                self.features[photo] = vector[: 40 if features else 0].astype(np.float16)

    def start(self, **settings: Any) -> tuple[RunRecord, Config]:
        """Run the crawl, the filter and the extract stage."""
        record, config = self.begin("pets", settings)
        photos = list(self.photos["photo"])
        folder = stats_pool(StageContext(*[self.store.root] * 2, self.store.pools("filter"), self.store.photos)).folder
        Shard.write(folder, photos, np.zeros(len(photos), STATS_DTYPE))
        features = np.stack([self.features[photo] for photo in photos])
        pool = ShardPool(
            self.store.root / "pools" / "f", (Shard.write(self.store.root / "pools" / "f", photos, features),)
        )
        index = pool.index(photos if features.size else [], self.store.root)
        self.publish("crawl", {tables.crawl.PHOTOS: self.photos}, record)
        self.publish("filter", {tables.filter.KEPT: self.photos, tables.filter.REJECTED: self.photos[:0]}, record)
        self.publish("extract", {tables.shared.INDEX: index}, record)
        return record, config

    def train(self) -> RunRecord:
        """Add a good run, whose model is then in use."""
        record, _ = self.start()
        learned = self.photos[self.photos["split"] == "train"]
        self.publish("train", {tables.train.TRAINED_ON: learned[["photo"]]}, record)
        return self.end(record)

    def check(self, **settings: Any) -> tuple[RunRecord, dict[str, list[Any]]]:
        """Run up to the check after the extract stage."""
        record, config = self.start(**settings)
        findings = self.check_last_stage(record, config)
        return record, findings


@pytest.fixture
def nights(tmp_path: Path, shown: list[str]) -> Iterator[Nights]:
    """A model that was trained on 40 photos of each of two classes, and tested on others."""
    found = Nights(tmp_path)
    found.add(40)
    found.add(10, 5, split="test")
    return found


@pytest.mark.slow
def test_drift_is_said_in_record_report_and_dashboard(nights: Nights, shown: list[str]) -> None:
    champion = nights.train()
    nights.add(8, 1)
    record, findings = nights.check()
    [note] = record.notes
    assert note.startswith(f"the new photos are not like those that run {champion.id} was trained on: class 'b'")
    assert findings[BEFORE_TRAINING] == [note]
    assert [row["name"] for row in findings[DRIFT] if row["drifted"]][:1] == ["b"]
    assert shown[0] == note
    assert "| class 'b' | 40 | 8 |" in shown[1]
    [saved] = [run for run in (nights.store.root / "runs").glob("*.json") if record.id in run.name]
    assert RunRecord.model_validate_json(saved.read_bytes()).drift == record.drift != []


def test_photos_like_those_trained_on_are_only_in_the_table(nights: Nights, shown: list[str]) -> None:
    nights.train()
    nights.add(8)
    record, findings = nights.check()
    assert (record.notes, list(findings)) == ([], [DRIFT])
    assert {row.kind for row in record.drift} == {"class", "all classes", "shares", "quality"}
    assert len(shown) == 1


def test_drift_stops_the_run_if_it_is_to(nights: Nights) -> None:
    nights.train()
    nights.add(8, 1)
    with pytest.raises(UserError, match=r"stopped before training: the new photos are not .* drift\.action=warn"):
        nights.check(drift={"action": "stop"})
    assert nights.check(drift={"action": "ignore"})[0].drift == []


def test_without_new_photos_or_without_a_model_nothing_is_compared(nights: Nights) -> None:
    assert nights.check()[0].drift == []
    nights.train()
    assert nights.check()[0].drift == []  # the test photos differ, but aren't new


def test_new_photos_in_the_group_of_known_ones_are_nothing_new(nights: Nights) -> None:
    nights.add(1, group="burst")
    nights.train()
    nights.add(30, 3, group="burst")
    assert nights.check()[0].drift == []


def test_without_an_encoder_shares_and_qualities_are_compared(nights: Nights) -> None:
    nights.features = {photo: vector[:0] for photo, vector in nights.features.items()}
    nights.train()
    nights.add(8, features=False)
    assert {row.kind for row in nights.check()[0].drift} == {"shares", "quality"}
