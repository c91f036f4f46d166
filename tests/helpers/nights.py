"""Several runs of the crawl's result and the filter in one data folder, through the store."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from configs.schema import FilterConfig
from tasks import tables
from tasks.filter.stage import STAGE
from tasks.images import photo_files
from tasks.store.manifest import CacheKey, FileRecord, Result
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers import stored_tables
from tests.helpers.filtering import jpeg


@dataclass
class Photo:
    """A photo of the crawl. The same seed in another quality is a near duplicate."""

    label: str
    seed: int
    name: str = ""
    page: str | None = None
    group: str | None = None
    quality: int = 90


@dataclass
class Nights:
    """A data folder, and the photos that the next crawl finds."""

    root: Path
    crawl: list[Photo] = field(default_factory=list)
    config: FilterConfig = field(default_factory=lambda: FilterConfig(memory="cats"))
    refers: bool = False
    """Whether the manifest of the crawl refers to the photos."""

    @property
    def store(self) -> Store:
        return Store(self.root)

    def run(self, *, fresh: bool = False, **settings: object) -> Outcome:
        """Publish the crawl, and get the filter's artifact; the settings change `config` for this run."""
        rows = []
        for rank, photo in enumerate(self.crawl):
            sha256, path = photo_files.put(self.root / "photos", jpeg(photo.seed, quality=photo.quality))
            row = {"photo": sha256, "file": path.relative_to(self.root).as_posix(), "label": photo.label, "rank": rank}
            name = photo.name or f"{photo.seed}.jpg"
            rows.append(row | {"name": name, "page": photo.page, "group": photo.group})

        def build(out: Path) -> Result:
            stored_tables.write(tables.crawl.PHOTOS, pd.DataFrame(rows).astype({"page": "str", "group": "str"}), out)
            paths = [self.root / row["file"] for row in rows] if self.refers else []
            return Result({}, refs={path: FileRecord.of(path) for path in paths})

        made = self.store.publish(CacheKey(stage="crawl", version=1, config={}), "", build)
        config = FilterConfig.model_validate(self.config.model_dump() | settings)
        with ThreadPoolExecutor(2) as executor:
            run = Run(self.store, executor, fresh=("filter",) if fresh else ())
            return run.get_or_build(STAGE, config, photos=made)

    def splits(self, outcome: Outcome) -> dict[str, str]:
        """Return the split of each kept photo, by its name."""
        kept = tables.filter.KEPT.read(self.store.folder(outcome.artifact))
        return dict(zip(kept["name"], kept["split"], strict=True))

    def prune(self) -> None:
        """Delete all pools and all artifacts of the filter, as the owner of a data folder may."""
        shutil.rmtree(self.root / "pools", ignore_errors=True)
        shutil.rmtree(self.root / "artifacts" / "filter", ignore_errors=True)


def of_seeds(seeds: range) -> list[Photo]:
    """Return a photo for each seed, of the classes a and b in turn."""
    return [Photo("ab"[seed % 2], seed) for seed in seeds]
