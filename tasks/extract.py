"""Turn tiles into features: each tile's code, kept in a pool so that a photo is computed once."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import ExtractConfig
from tasks.support import digest
from tasks.support.job import Job
from tasks.support.manifest import Manifest, Result
from tasks.support.pool import INDEX, Pool, Rows, index_digest, names_by_content
from tasks.support.stage import Stage

if TYPE_CHECKING:
    import keras

VERSION = 1


def compact(codes: NDArray[np.float32]) -> NDArray[np.float16]:
    """Codes as float16, of the same shape; values beyond its range (65504) become its ends."""
    limit = np.finfo(np.float16).max
    return np.clip(codes, -limit, limit).astype(np.float16)


def encode(encoder: "keras.Model", tiles: NDArray[np.uint8], batch_size: int) -> NDArray[np.float16]:
    """Codes of tiles `(n, side, side, c)`: float16 `(n, h, w, code channels)`.

    A tile's code doesn't depend on which others are computed with it (see `training.predict`; `batch_size` is 2 or
    more). Other batch sizes give the same codes with TensorFlow on a CPU; elsewhere the last bits may differ.
    """
    from tasks.networks.training import predict

    return compact(predict(encoder, tiles, batch_size))


def build_features(config: ExtractConfig, *, tiles: Path, encoder: Path, job: Job) -> Result:
    """Compute the features of those tiles that no shard holds yet, and write where each photo's are."""
    import pandas as pd

    index = pd.read_parquet(tiles / INDEX)
    rows = names_by_content(index)
    made_with = Manifest.read(encoder).artifact.digest
    folder = job.pools / digest.of_value([VERSION, config.model_dump(), made_with])[:24]
    compute = _Encoding(encoder / "encoder.keras", index.set_index(pd.Index(rows)), job.root, config.batch_size)
    pool, new = Pool.open(folder, job).fill(rows, compute, job, label="features")
    features = pool.index(rows, job.root).assign(photo=index["photo"])
    features.to_parquet(job.out / INDEX, index=False)
    counts = {"photos": len(features), "new": new}
    return Result(counts, digest=index_digest(features), refs=pool.refs(features, job.root))


class _Encoding:
    """Photos to features, on one worker at a time: the network itself uses every core.

    The network is read when the first photo needs it: where all are known, Keras isn't imported.
    """

    def __init__(self, model: Path, index: Any, root: Path, batch_size: int) -> None:
        self._model = model
        self._index = index
        self._root = root
        self._batch_size = batch_size
        self._encoder: keras.Model | None = None
        self._turn = Lock()

    def __call__(self, names: Sequence[str]) -> NDArray[np.float16]:
        tiles = Rows(self._index.loc[list(names)], self._root)[:]
        with self._turn:
            if self._encoder is None:
                from tasks.networks.training import load

                self._encoder = load(self._model)
            return encode(self._encoder, tiles, self._batch_size)


STAGE = Stage("extract", VERSION, build=build_features)
