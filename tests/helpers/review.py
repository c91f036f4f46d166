"""A data folder for tests of the review: the photos are really crawled; a test writes the filter's tables."""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.schema import Config, CrawlConfig, FilterConfig, TrainConfig
from flows.run_records import RunRecord
from tasks import tables
from tasks.crawl import stage as crawl
from tasks.filter import stage as filter
from tasks.store import counter, hashing
from tasks.store.context import StageContext
from tasks.store.manifest import CacheKey, Manifest, Result
from tasks.store.stage import Outcome, Run, Stage
from tasks.store.store import Store
from tests.helpers import stored_tables

COLUMNS = ["photo", "file", "label", "name"]


def write_classes(folder: Path, classes: dict[str, int], side_px: int = 64) -> None:
    """Write this number of different photos of each class."""
    for number, (label, count) in enumerate(classes.items()):
        (folder / label).mkdir(parents=True)
        for i in range(count):
            rough = np.random.default_rng((number, i)).integers(0, 255, (6, 6, 3), np.uint8)
            picture = cv2.resize(rough, (side_px * 4 // 3, side_px), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / label / f"{i}.jpg"), picture)


@dataclass
class ReviewFolder:
    """A crawled folder of photos, and a filter whose tables a test writes."""

    data: Path
    photos: Path

    @property
    def store(self) -> Store:
        """The store in the data folder."""
        return Store(self.data)

    @property
    def config(self) -> Config:
        """Settings that crawl the folder of photos, as the preset default has them."""
        return Config(crawl=CrawlConfig(path=self.photos), filter=FilterConfig(memory="default"))

    def crawl(self) -> pd.DataFrame:
        """Run the crawl; returns the columns photo, file, label and name."""
        with ThreadPoolExecutor(2) as executor:
            made = Run(self.store, executor).get_or_build(crawl.STAGE, self.config.crawl).artifact
        return tables.crawl.PHOTOS.read(self.store.folder(made))[COLUMNS]

    def filter(self) -> Path:
        """Run the filter, unless its result is cached; returns the folder of the artifact."""
        with ThreadPoolExecutor(2) as executor:
            run = Run(self.store, executor)
            photos = run.get_or_build(crawl.STAGE, self.config.crawl).artifact
            return self.store.folder(run.get_or_build(filter.STAGE, self.config.filter, photos=photos).artifact)

    def publish(self, review: list[dict[str, Any]] | None, tested: Collection[int] = ()) -> Path:
        """Publish an artifact of the filter in which all photos are kept; returns its folder.

        Args:
            review: Rows of review.parquet. `photo` and `twin` are row numbers of the crawl's table; missing columns get
                defaults. None writes no review.parquet, as older versions of the filter did.
            tested: Row numbers of the photos in the test; the others are in train.
        """
        crawled = self.crawl()
        splits = ["test" if number in tested else "train" for number in range(len(crawled))]
        config = self.config.filter

        def build(config: FilterConfig, *, photos: Path, context: StageContext) -> Result:
            stored_tables.write(tables.filter.KEPT, crawled.assign(group="", split=splits), context.out)
            nothing = crawled[:0].assign(reason="", score=0.0, twin="")
            stored_tables.write(tables.filter.REJECTED, nothing, context.out)
            if review is not None:
                table = pd.DataFrame([self._row(crawled, row) for row in review])
                stored_tables.write(tables.filter.REVIEW, table, context.out)
            return Result({"kept": len(crawled)}, digest=hashing.of_value(len(crawled)))

        stage = Stage("filter", filter.VERSION, build=build, external_inputs=filter.external_inputs)
        with ThreadPoolExecutor(2) as executor:
            run = Run(self.store, executor, fresh=("filter",))
            photos = run.get_or_build(crawl.STAGE, self.config.crawl).artifact
            return self.store.folder(run.get_or_build(stage, config, photos=photos).artifact)

    def train(self, kept: Path, doubts: list[tuple[int, str, float]]) -> Path:
        """Publish an artifact of the train stage that doubts labels; returns its folder.

        Args:
            kept: Folder of the filter's artifact.
            doubts: Row number of the crawl's table, suggestion and doubt; the most doubtful first.
        """
        crawled = self.crawl()

        def build(config: TrainConfig, *, kept: Path, context: StageContext) -> Result:
            rows = [
                {**crawled.loc[number, ["photo", "label"]], "suggestion": suggestion, "doubt": doubt}
                for number, suggestion, doubt in doubts
            ]
            tables.train.LABEL_ISSUES.write(pd.DataFrame(rows, columns=tables.train.LABEL_ISSUES.names), context.out)
            return Result({}, digest=hashing.of_value(doubts))

        with ThreadPoolExecutor(1) as executor:
            run = Run(self.store, executor, fresh=("train",))
            stage = Stage("train", 1, build=build)
            made = run.get_or_build(stage, self.config.train, kept=Manifest.read(kept).artifact)
        return self.store.folder(made.artifact)

    def evaluate(
        self,
        answers: Sequence[tuple[int, str | None, float]],
        *,
        preset: str = "demo",
        filtered: Path | None = None,
        features: NDArray[np.float32] | None = None,
    ) -> RunRecord:
        """Add a good run of a model that gives some answers.

        Args:
            answers: Row of the crawl's table, predicted class (None: its label), and probability.
            preset: The preset of the run.
            filtered: Folder of the filter's artifact, whose photos have features.
            features: The features of its photos, `(n, d)`.
        """
        crawled = self.crawl()
        rows = [
            {**crawled.loc[n, ["photo", "label"]], "split": "test", "predicted": guess, "probability": probability}
            for n, guess, probability in answers
        ]
        frame = pd.DataFrame(rows)
        frame["predicted"] = frame["predicted"].fillna(frame["label"])

        def build(out: Path) -> Result:
            stored_tables.write(tables.evaluate.PREDICTIONS, frame, out)
            if features is not None:
                np.save(tables.evaluate.FEATURES.path(out), features)
            return Result({})

        number = counter.next_number(self.data)
        record = RunRecord.start(preset, "evaluate", self.config, number=number)
        key = CacheKey(stage="evaluate", version=1, config={}, external_inputs={"run": number})
        made = [self.store.publish(key, "", build)]
        for artifact in [Manifest.read(filtered).artifact, *made] if filtered else made:
            record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        record.end("done")
        record.save(self.data)
        return record

    def _row(self, crawled: pd.DataFrame, row: dict[str, Any]) -> dict[str, Any]:
        defaults = {"kept": False, "reason": "blurred", "score": 0.5, "threshold": 1.0, "suggestion": None}
        defaults |= {"decision": None, "decided_as": None}
        values = crawled.iloc[row["photo"]].to_dict() | defaults | {key: row[key] for key in row if key != "photo"}
        other = row.get("twin")
        return values | {"twin": None if other is None else crawled["photo"].iloc[other]}


def outcome(response: Any) -> str:
    """Return what became of the only change that was asked for in a request."""
    assert response.status_code == 200, response.text
    (changed,) = response.json()["changed"]
    return str(changed["outcome"])
