"""A store with small artifacts of the first stages, made without photos."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from configs.schema import ExtractConfig, FilterConfig, PreprocessConfig, PretrainConfig, TrainConfig
from tasks.extract import stage as extract
from tasks.pretrain import stage as pretrain
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, Result
from tasks.store.progress import Advance
from tasks.store.shards import ShardPool, index_digest
from tasks.store.stage import Outcome, Run, Stage
from tasks.store.store import Store
from tasks.tables.filter import KEPT, REJECTED, REMOVED
from tasks.tables.shared import INDEX, REMOVED_INDEX
from tests.helpers import stored_tables
from tests.helpers.fake_search import fake_search
from tests.helpers.scripted_site import site

__all__ = ["fake_search", "site"]  # fixtures

SIDE_PX = 16
EXTRACT = ExtractConfig(batch_size=16)


@dataclass
class Folders:
    """Publishes invented kept photos and tiles, and builds later stages from them."""

    store: Store
    executor: ThreadPoolExecutor
    progress: list[tuple[str, int]] = field(default_factory=list)
    champion: Artifact | None = None
    """The evaluation of the champion."""

    def kept(self, labels: list[str], splits: list[str]) -> tuple[Artifact, list[str]]:
        """Publish rows of kept photos, each a group; the name of photo i is the digest of i and its label."""
        photos = [hashing.of_value([i, label]) for i, label in enumerate(labels)]
        table = pd.DataFrame({"photo": photos, "label": labels, "split": splits, "group": photos})

        def build(config: FilterConfig, *, context: StageContext) -> Result:
            stored_tables.write(KEPT, table, context.out)
            stored_tables.write(REJECTED, table[:0], context.out)
            REMOVED.write_rows([], context.out)
            return Result({"photos": len(table)}, digest=hashing.of_value(table.to_dict("list")))

        stage = Stage("filter", 1, build=build, external_inputs=lambda config, root: {"table": table.to_json()})
        return self.run.get_or_build(stage, FilterConfig()).artifact, photos

    def tiles(
        self,
        kept: Artifact,
        tiles: dict[str, NDArray[np.uint8]],
        side_px: int | None = None,
        fresh: bool = False,
        removed: Collection[str] = (),
    ) -> Artifact:
        """Publish tiles `(side, side, c)` by photo, as preprocess does; `removed` photos have an index of their own.

        `side_px` is the setting; None: that of the tiles.
        """

        def build(config: PreprocessConfig, *, kept: Path, context: StageContext) -> Result:
            pool = ShardPool.open(context.pools / f"{config.side_px} {config.colour}", context)
            pool, computed = pool.compute_missing(
                tiles, lambda photos: np.stack([tiles[p] for p in photos]), context, label="tiles"
            )
            index = pool.index(tiles, context.root)
            apart = index["photo"].isin(removed)
            INDEX.write(index[~apart], context.out)
            REMOVED_INDEX.write(index[apart], context.out)
            digest = index_digest(index[~apart], index[apart])
            return Result({"computed": computed}, digest=digest, refs=pool.refs(index, context.root))

        photos = {"photos": ",".join(tiles), "removed": ",".join(removed)}
        stage = Stage("preprocess", 1, build=build, external_inputs=lambda config, root: photos)
        side, _, channels = next(iter(tiles.values())).shape
        config = PreprocessConfig(side_px=side_px or side, colour="grey" if channels == 1 else "rgb")
        return self.get_or_build(stage, config, fresh, kept=kept).artifact

    def get_or_build(self, stage: Stage, config: Any, fresh: bool = False, **parents: Artifact) -> Outcome:
        """Get the artifact of a stage as the pipeline does."""
        run = replace(self.run, fresh=(stage.name,) if fresh else ())
        return run.get_or_build(stage, config, **parents)

    def folder(self, outcome: Outcome) -> Path:
        """Return the folder of an outcome's artifact."""
        return self.store.folder(outcome.artifact)

    def features(
        self,
        kept: Artifact,
        tiles: Artifact,
        pretrain_config: PretrainConfig,
        extract_config: ExtractConfig = EXTRACT,
    ) -> dict[str, Artifact]:
        """Build an encoder and its features; returns the artifacts that train needs, by the names of its parameters."""
        encoder = self.get_or_build(pretrain.STAGE, pretrain_config, kept=kept, tiles=tiles).artifact
        parents = {"kept": kept, "tiles": tiles, "encoder": encoder}
        return parents | {"features": self.get_or_build(extract.STAGE, extract_config, **parents).artifact}

    @property
    def run(self) -> Run:
        return Run(self.store, self.executor, progress=self._note, champion=self.champion)

    @contextmanager
    def _note(self, label: str, total: int) -> Iterator[Advance]:
        yield lambda count: self.progress.append((label, count))


@pytest.fixture(scope="session")
def folders_in() -> Iterator[Callable[[Path], Folders]]:
    """A function that opens a store in a data folder."""
    with ThreadPoolExecutor(2) as executor:
        yield lambda root: Folders(Store(root), executor)


@pytest.fixture
def folders(tmp_path: Path, folders_in: Callable[[Path], Folders]) -> Folders:
    return folders_in(tmp_path / "data")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a small network, for `pretrain.weights`: random weights, and the head of another project."""
    import keras

    from tasks.networks.classifier import tile_classifier

    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("weights") / "convnet.keras"
    tile_classifier((SIDE_PX, SIDE_PX, 3), 7, TrainConfig()).save(path)
    return path


@pytest.fixture(scope="session")
def small_network(weights: Path) -> PretrainConfig:
    """Settings of a pretrained network that is small and needs no download."""
    return PretrainConfig(encoder="convnet", weights=weights)


@pytest.fixture(name="stripes", scope="session")
def _stripes() -> Callable[..., NDArray[np.uint8]]:
    return stripes


def stripes(label: int, count: int, channels: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    """Tiles uint8 `(count, 16, 16, channels)` with stripes; their direction depends on the class, 0 or 1."""
    random = np.random.default_rng((seed, label))
    wave = np.sin(np.arange(SIDE_PX)[None] * 1.2 + random.uniform(0, 6, (count, 1)))
    tiles = np.broadcast_to(wave[:, None, :, None], (count, SIDE_PX, SIDE_PX, channels))
    tiles = tiles if label == 0 else tiles.transpose(0, 2, 1, 3)
    noisy = 128 + 90 * tiles + random.normal(0, 8, tiles.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
