"""A folder of photos, and runs of the whole pipeline over it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from configs.load import load
from flows.pipeline import stages
from flows.run_records import RunRecord
from tasks.store import counter
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers.pipeline import TINY, write_photos


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
        """Run the whole tiny pipeline in this process, without Prefect, and save the record of the run."""
        config = load("default", [f"crawl.path={self.photos}", *TINY, *settings])
        outcomes: dict[str, Outcome] = {}
        record = RunRecord.start("default", "evaluate", config, number=counter.next_number(self.store.root))
        with ThreadPoolExecutor(2) as executor:
            run = Run(self.store, executor)

            def get_or_build(stage, section, **parents):
                outcomes[stage.name] = run.get_or_build(stage, section, **parents)
                record.add(outcomes[stage.name], 1.0)
                return outcomes[stage.name].artifact

            for _ in stages(config, get_or_build):
                pass
        record.end("done")
        record.save(self.store.root)
        return outcomes

    def folder(self, outcome: Outcome) -> Path:
        """Return the folder of an artifact."""
        return self.store.folder(outcome.artifact)
