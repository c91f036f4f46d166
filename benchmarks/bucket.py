"""Compare a data folder on the local disk with one in a bucket: seconds and requests of the stages before training.

    python -m benchmarks.bucket [--photos 1000]

Photos are synthetic (200 px). The stages are crawl (of a folder), filter and preprocess, in this process. The bucket is
one of moto's S3 server in the same process, which takes some milliseconds for a request: its seconds say little about a
real one. Runs: the first; a cached one; one with 1 % new photos; a cached one on another machine, which is new.
"""

import argparse
import logging
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from configs.schema import Config
from flows.pipeline import stages
from tasks.store.bucket import copies
from tasks.store.bucket.connect import connect
from tasks.store.bucket.mirror import Mirror
from tasks.store.bucket.objects import Objects
from tasks.store.context import executor
from tasks.store.manifest import Artifact
from tasks.store.stage import Run
from tasks.store.store import Store


class Counted(Objects):
    """Counts requests."""

    requests = 0

    def _call(self, key: str, do: Callable[[], Any], or_none: Sequence[str] = ()) -> Any:
        Counted.requests += 1
        return super()._call(key, do, or_none)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000)
    count = parser.parse_args().photos
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as home:
        photos = Path(home, "photos")
        write_photos(photos, 0, count)
        config = Config.model_validate({"crawl": {"sources": "folder", "path": str(photos)}})
        places = {"local disk": Store(Path(home, "local")), "bucket": _mirrored(Path(home, "a"))}
        print("| run | photos | data folder | seconds | requests |\n|---|--:|---|--:|--:|")
        for name, new in (("first", 0), ("cached", 0), ("1 % new", count // 100)):
            write_photos(photos, count, new)
            for place, store in places.items():
                _print(name, count + new, place, store, config)
        _print("cached, another machine", count + count // 100, "bucket", _mirrored(Path(home, "b")), config)


def _print(name: str, photos: int, place: str, store: Store, config: Config) -> None:
    before, start = Counted.requests, time.monotonic()
    with _used(store), executor(0) as threads:
        run = Run(store, threads)

        def get_or_build(stage: Any, section: Any, **parents: Artifact) -> Artifact:
            return run.get_or_build(stage, section, **parents).artifact

        next(artifact for artifact in stages(config, get_or_build) if artifact.stage == "preprocess")
    print(
        f"| {name} | {photos:,} | {place} | {time.monotonic() - start:.1f} | {Counted.requests - before:,} |",
        flush=True,
    )


def _used(store: Store) -> AbstractContextManager[None]:
    copy = copies.of(store.root)
    return copy.used(exclusive=False) if copy else nullcontext()


def _mirrored(root: Path) -> Store:
    """Return the store of a machine whose data folder is the bucket."""
    from moto.server import ThreadedMotoServer

    if "AWS_ENDPOINT_URL" not in os.environ:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/bench", method="PUT")).close()
    root.mkdir()
    opened = connect("s3://bench/data")
    copies.add(Mirror(root, Counted(opened._store, opened.url)))
    return Store(root)


def write_photos(folder: Path, start: int, count: int) -> None:
    for number in range(start, start + count):
        rng = np.random.default_rng(number)
        home = folder / ("dark", "light")[number % 2]
        home.mkdir(parents=True, exist_ok=True)
        low = 60 + 60 * (number % 2)
        rough = rng.integers(low, low + 80, (8, 8, 3), np.uint8)
        cv2.imwrite(str(home / f"{number}.jpg"), cv2.resize(rough, (200, 200), interpolation=cv2.INTER_CUBIC))


if __name__ == "__main__":
    main()
