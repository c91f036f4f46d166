"""Dask's workers: the same results as threads, and one clear line for what goes wrong."""

import math
import operator
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from configs.schema import ExtractConfig, PretrainConfig, WorkersConfig
from tasks.extract import stage as extract
from tasks.pretrain import stage as pretrain
from tasks.store import work
from tasks.store.cluster import same
from tasks.store.errors import UserError
from tests.helpers import dask_cluster
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


def test_results_come_in_order_and_an_empty_map_is_empty(cluster: Scheduler, tmp_path: Path) -> None:
    with workers_at(cluster.address, tmp_path) as workers:
        assert list(workers.map(math.sqrt, [9, 4, 1], "roots")) == [3, 2, 1]
        assert list(workers.map(math.sqrt, [], "roots")) == []
        with pytest.raises(ZeroDivisionError):
            list(workers.map(partial(operator.floordiv, 1), [1, 0, 1], "quotients"))
    assert not list(tmp_path.rglob("*probe*"))


def test_a_worker_that_dies_in_mid_shard_loses_that_shard_only(
    cluster: Scheduler, folders, stripes, small_network: PretrainConfig, tmp_path: Path
) -> None:
    kept, names = folders.kept(["a"] * 30, ["train"] * 30)
    tiles = folders.tiles(kept, dict(zip(names, stripes(0, 30, 3), strict=True)))
    encoder = folders.get_or_build(pretrain.STAGE, small_network, kept=kept, tiles=tiles).artifact
    parents = {"kept": kept, "tiles": tiles, "encoder": encoder}
    config = ExtractConfig(batch_size=8)
    threads = folders.get_or_build(extract.STAGE, config, **parents)
    shards = sorted(path.read_bytes() for path in folders.store.pools("extract").rglob("*.npy"))
    with workers_at(cluster.address, folders.store.root) as workers:
        pids = list(workers.map(dask_cluster.die_once, [tmp_path / "died"] * 3, "pids"))
        assert len(pids) == 3
        dask = replace(folders.run, fresh=("extract",), workers=workers).get_or_build(extract.STAGE, config, **parents)
    assert dask.manifest.artifact.digest == threads.manifest.artifact.digest
    assert sorted(path.read_bytes() for path in folders.store.pools("extract").rglob("*.npy")) == shards


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
