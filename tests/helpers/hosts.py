"""Hosts with one bucket: each has a folder of its own."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from configs.schema import TrainConfig
from tasks.images import photo_files
from tasks.store.bucket import copies
from tasks.store.bucket.conflicts import Merges
from tasks.store.bucket.lease import Timing
from tasks.store.bucket.mirror import Mirror
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, CacheKey, FileRecord, Result
from tasks.store.stage import Outcome, Run, Stage
from tasks.store.store import Store
from tests.helpers.buckets import Bucket

QUICK = Timing(expires_s=2.0, poll_s=0.02)


class Host:
    """A folder, and what was built there."""

    def __init__(self, root: Path, bucket: Bucket, timing: Timing = QUICK, merges: Merges | None = None) -> None:
        root.mkdir()
        self.root, self.built = root, 0
        self.mirror = Mirror(root, bucket.open("data"), timing, merges)
        copies.add(self.mirror)
        self.store = Store(root)
        self.while_building: Callable[[], None] = lambda: None

    def train(self) -> Outcome:
        """Get an artifact whose content is another one with each build."""

        def build(config: TrainConfig, *, context: StageContext) -> Result:
            self.built += 1
            (context.out / "weights").write_text(secrets.token_hex(8))
            self.while_building()
            return Result({})

        with self.mirror.used(exclusive=False), ThreadPoolExecutor(1) as executor:
            return Run(self.store, executor).get_or_build(Stage("train", 1, build=build), TrainConfig())

    def weights(self, artifact: Artifact) -> str:
        return (self.store.folder(artifact) / "weights").read_text()

    def crawl(self, *data: bytes) -> dict[Path, FileRecord]:
        """Publish a crawl with some photos."""
        paths = [photo_files.put(self.store.photos, each)[1] for each in data]
        refs = {path: FileRecord.of(path) for path in paths}
        key = CacheKey(stage="crawl", version=1, config={"photos": len(data)})
        with self.mirror.used(exclusive=False):
            self.store.publish(key, "", lambda out: Result({}, refs=refs))
        return refs
