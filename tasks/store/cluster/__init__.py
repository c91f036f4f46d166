"""A Dask cluster as workers: imported only if `workers.kind` is dask."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from configs.schema import WorkersConfig
from tasks.store.errors import UserError
from tasks.store.work import Workers


@contextmanager
def connected(config: WorkersConfig, root: Path, show: Callable[[str], None] | None = None) -> Iterator[Workers]:
    """Yield the workers of the cluster at `workers.address`, or of a local one, which is started when it is needed.

    `show` takes the URL of the cluster's dashboard as soon as it is used.

    Raises:
        UserError: Dask isn't installed, nobody answers at the address, or the workers differ from this process.
    """
    if find_spec("distributed") is None:
        raise UserError(
            "workers.kind=dask needs Dask: pip install 'fluke[dask]' (in fluke's folder: pip install -e '.[dask]')"
        )
    from tasks.store.cluster.workers import DaskWorkers

    with DaskWorkers(config, root, show) as workers:
        yield workers
