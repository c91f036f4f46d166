"""Dask's workers: the same results as threads, and one clear line for what goes wrong."""

import math
import operator
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from configs.schema import PreprocessConfig, WorkersConfig
from tasks.images import photo_files
from tasks.networks.encode import Encoder
from tasks.preprocess.stage import build_tiles
from tasks.store import work
from tasks.store.cluster import same
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.work import Workers
from tasks.tables.filter import KEPT, REMOVED
from tests.helpers import dask_cluster, stored_tables
from tests.helpers.dask_cluster import Scheduler

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    with dask_cluster.scheduler(tmp_path_factory.mktemp("dask")) as found:
        found.start_workers(2)
        yield found


def workers_at(address: str, root: Path):
    return work.workers_of(WorkersConfig(kind="dask", address=address), root, ThreadPoolExecutor(1))


def test_the_address_of_the_clusters_dashboard_is_shown_once(cluster: Scheduler, tmp_path: Path) -> None:
    shown: list[str] = []
    config = WorkersConfig(kind="dask", address=cluster.address)
    with work.workers_of(config, tmp_path, ThreadPoolExecutor(1), show=shown.append) as workers:
        list(workers.map(math.sqrt, [4], "roots"))
        list(workers.map(math.sqrt, [9], "roots"))
    assert len(shown) == 1
    assert shown[0].startswith("http://")


def test_results_come_in_order_and_an_empty_map_is_empty(cluster: Scheduler, tmp_path: Path) -> None:
    with workers_at(cluster.address, tmp_path) as workers:
        assert list(workers.map(math.sqrt, [9, 4, 1], "roots")) == [3, 2, 1]
        assert list(workers.map(math.sqrt, [], "roots")) == []
        with pytest.raises(ZeroDivisionError):
            list(workers.map(partial(operator.floordiv, 1), [1, 0, 1], "quotients"))
    assert not list(tmp_path.rglob("*probe*"))


def test_a_worker_that_dies_in_mid_shard_loses_that_shard_only(cluster: Scheduler, tmp_path: Path) -> None:
    rows = []
    for grey in range(70):
        encoded = cv2.imencode(".png", np.full((30, 40, 3), grey, np.uint8))[1].tobytes()
        sha256, path = photo_files.put(tmp_path / "photos", encoded)
        rows.append({"photo": sha256, "file": path.relative_to(tmp_path).as_posix()})
    kept = tmp_path / "kept"
    kept.mkdir()
    stored_tables.write(KEPT, pd.DataFrame(rows), kept)
    stored_tables.write(REMOVED, pd.DataFrame(rows[:0], columns=["photo", "file"]), kept)

    def build(name: str, workers: Workers | None) -> tuple[str | None, dict[str, bytes]]:
        out, pools = tmp_path / name, tmp_path / "pools" / name
        out.mkdir()
        context = StageContext(tmp_path, out, pools, tmp_path / "photos", workers=workers)
        digest = build_tiles(PreprocessConfig(side_px=16), kept=kept, context=context).digest
        return digest, {path.name: path.read_bytes() for path in pools.rglob("*.*")}

    with workers_at(cluster.address, tmp_path) as workers:
        spread = build("dask", Dying(workers, tmp_path / "died"))
    assert (tmp_path / "died").exists()
    assert len(spread[1]) == 4
    assert spread == build("threads", None)


@dataclass(frozen=True)
class Dying:
    """Workers of which the first one that computes a shard is killed."""

    workers: Workers
    marker: Path

    def map(self, function, items, label):
        return self.workers.map(partial(dask_cluster.die_once, self.marker, function), items, label)


def test_a_network_is_loaded_once_in_each_process(tmp_path: Path) -> None:
    one, other = Encoder(tmp_path, 8, "digest"), Encoder(tmp_path, 8, "another file")
    assert pickle.loads(pickle.dumps(one)) is pickle.loads(pickle.dumps(one))
    assert pickle.loads(pickle.dumps(one)) is not pickle.loads(pickle.dumps(other))


def test_photos_that_kill_every_worker_end_the_run_with_a_line(cluster: Scheduler, tmp_path: Path) -> None:
    with (
        workers_at(cluster.address, tmp_path) as workers,
        pytest.raises(UserError, match=r"4 Dask workers in a row died at the same photos, the last one at tcp://"),
    ):
        list(workers.map(dask_cluster.die, [1], "photos"))


def test_workers_without_the_data_folder_are_refused(cluster: Scheduler, tmp_path: Path) -> None:
    ours = same.versions()
    assert same.problem(ours, tmp_path / "pools" / "probe", "tcp://1.2.3.4:5") == (
        f"the Dask worker tcp://1.2.3.4:5 can't write the data folder {tmp_path}; mount the same folder at the same "
        "path there (NFS or the like), and start the worker again"
    )
    with same.probe(tmp_path) as probe:
        assert same.problem(ours, probe, "tcp://1.2.3.4:5") == ""


def test_workers_with_other_versions_are_refused_also_those_that_come_late(tmp_path: Path) -> None:
    home = tmp_path / "dask"
    home.mkdir()
    with dask_cluster.scheduler(home) as found:
        with workers_at(found.address, tmp_path) as workers:
            found.start_workers(1, {"KERAS_BACKEND": "jax"})
            with pytest.raises(UserError, match=r"tcp:.* differs: KERAS_BACKEND jax there, tensorflow here; install"):
                list(workers.map(math.sqrt, [1], "roots"))
        with pytest.raises(UserError, match="KERAS_BACKEND jax there"), workers_at(found.address, tmp_path):
            pass


def test_a_scheduler_that_dies_ends_the_run_with_a_line(tmp_path: Path) -> None:
    home = tmp_path / "dask"
    home.mkdir()
    with dask_cluster.scheduler(home) as found, workers_at(found.address, tmp_path) as workers:
        found.start_workers(1)
        results = workers.map(dask_cluster.wait, [0, 600], "waits")
        assert next(results) == 0
        found.kill()
        with pytest.raises(UserError, match=rf"scheduler at {found.address} has ended.*run the same command again"):
            next(results)


def test_an_address_that_nobody_answers_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(
            UserError, match=r"workers\.address=tcp://127\.0\.0\.1:9: no Dask scheduler answers.*dask schedul"
        ),
        workers_at("tcp://127.0.0.1:9", tmp_path),
    ):
        pass
