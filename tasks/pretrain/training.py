"""The training of an autoencoder, by the common loop."""

import shutil
from functools import partial

import keras
import pandas as pd

from configs.schema import PretrainConfig
from tasks.networks import hardware
from tasks.networks.autoencoder import autoencoder
from tasks.networks.keras_io import seed_everything
from tasks.pretrain.reconstruction import Reconstruction
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.shards import names_by_content
from tasks.training import memory, monitors, under_way
from tasks.training.checkpoint import Checkpoint
from tasks.training.fit import fit
from tasks.training.plan import Examples, Plan

_REMEDY = "use smaller pretrain.filters, or preprocess.side_px"


def train(
    config: PretrainConfig, train: pd.DataFrame, val: pd.DataFrame, context: StageContext
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train an autoencoder on the tiles of an index, and validate it on those of another one.

    On a CPU, batches of large tiles are computed in parts. The autoencoder is returned in float32, whatever the
    precision of its training was.

    Raises:
        UserError: the training diverged, or not even a single tile fits the memory.
    """
    hardware.enable_memory_growth()
    tiles = LazyRows(train, context.root)
    height, width, channels = tiles.shape
    learned_from = [names_by_content(index) for index in (train, val)]
    computed = hardware.compute_signature(config.precision)
    folder = under_way.folder_of([learned_from, computed, config.model_dump(mode="json")], context)
    seed_everything(config.seed)
    with (
        context.progress("training", total=config.epochs) as advance,
        hardware.dtype_policy(config.precision),
        hardware.strategy_scope(config),
    ):
        trained = autoencoder((height, width, channels), config)
        plan = Plan(
            name="training",
            section="pretrain",
            train=Examples(tiles),
            val=Examples(LazyRows(val, context.root)),
            learning_rate=config.learning_rate,
            epochs=config.epochs,
            batch_size=config.batch_size,
            patience=config.patience,
            seed=config.seed,
            xla=config.xla,
            rows_at_once=memory.rows_at_once(trained, "pretrain", _REMEDY),
            if_too_large=_REMEDY,
        )
        history: dict[str, list[float]] = {}
        if config.epochs:
            state = fit(
                trained,
                partial(Reconstruction, config=config),
                plan,
                checkpoint=Checkpoint(folder / "training.npz"),
                advance=advance,
                callbacks=monitors.monitoring_callbacks(folder / monitors.FOLDER, "autoencoder"),
            )
            history = state.history
    with hardware.dtype_policy("float32"):
        model = autoencoder((height, width, channels), config)
    model.set_weights(trained.get_weights())
    if (folder / monitors.FOLDER).exists():
        shutil.copytree(folder / monitors.FOLDER, context.out / monitors.FOLDER)
    under_way.keep_only(folder)
    return model, history
