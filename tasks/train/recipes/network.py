"""Training by gradient descent: a pretrained network, one from scratch, or one behind an autoencoder's encoder."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.store.lazy_rows import LazyRows
from tasks.store.progress import Progress
from tasks.train import class_balance
from tasks.train.recipes.logistic import LogisticRecipe
from tasks.train.training_set import Part, TrainingSet
from tasks.train.trial import Trial
from tasks.training import resumed

if TYPE_CHECKING:
    import keras

    from tasks.networks.classifier import Moments
    from tasks.train.fit import LabelledData
    from tasks.train.schedule import Schedule
    from tasks.train.warm_start import Base

_CHUNK = 256
_SOFTER = 0.3
"""Factor of a fitted head's weights where training goes on: it is so sure of train photos that no loss is left to learn
from. With 411 photos of trashnet, accuracy on 500 others rose by 1 to 2 points (docs/results.md)."""


class NetworkRecipe:
    """Gradient descent: the head of a pretrained network, then parts of it; or a network from scratch.

    A network on an autoencoder's codes learns from these alone or, with `train.through_encoder`, then from tiles
    together with the encoder; its classifier takes tiles in that case.
    """

    name = "network"

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingSet,
        *,
        unfreeze: Sequence[str | int],
        folder: Path,
        progress: Progress,
        head: tuple[LogisticRecipe, Trial] | None = None,
        base: "Base | None" = None,
    ) -> None:
        """Configure the recipe.

        Args:
            config: the settings; the imbalance method must not be auto.
            data: the training set.
            unfreeze: parts of a pretrained network to train after the head, one step each.
            folder: for checkpoints and logs.
            progress: reports the epochs.
            head: logistic regression whose solution the head of a pretrained network starts from, so that it needs no
                training (Kumar et al., arXiv:2202.10054); None: the head is trained first.
            base: an earlier classifier to start from, if any.
        """
        self._config, self._data, self._unfreeze = config, data, unfreeze
        self._folder, self._progress, self._head, self._base = folder, progress, head, base
        self.is_frozen = data.kind == "network" and not unfreeze
        self.takes_codes = data.kind == "autoencoder" and not config.through_encoder
        self._through_encoder = data.kind == "autoencoder" and config.through_encoder

    def try_out(self, name: str, epochs: int | None = None, *, again: bool = True) -> Trial:
        """Learn from the train photos, and validate.

        Args:
            name: of the trial.
            epochs: the largest number of epochs of each phase but the head's; None: as in the settings.
            again: whether there is time to learn again if it is chosen.
        """
        from tasks.networks.keras_io import predict

        began = time.monotonic()
        epochs = epochs or self._config.epochs
        linear = self._head[1].arrays if self._head else None
        with resumed.counted() as earlier_s:
            model, schedule = self._train(self._data, self._folder, epochs, linear)
        arrays = model.get_weights()
        val = self._data.val
        logits = np.empty((0, len(self._data.labels)), np.float32)
        if len(val):
            logits = np.asarray(predict(self.classifier(arrays), self._inputs(self._data, val)), np.float32)
        imbalance = self._config.imbalance
        details = {
            "method": imbalance.method,
            "adjustment": imbalance.strength,
            "epochs": epochs,
            "again": again,
            "best_epochs": schedule.best_epochs,
            "best_epoch": schedule.best_epoch,
            "history": schedule.history,
        }
        seconds = time.monotonic() - began + sum(earlier_s)
        return Trial(name, logits, logits, seconds, arrays, details=details)

    def again(self, trial: Trial, data: TrainingSet) -> list[NDArray[Any]]:
        """Learn again, as in a trial, from a training set without validation; returns the arrays."""
        linear = self._head[0].again(self._head[1], data) if self._head else None
        kept = trial.details["best_epochs"]
        model, _ = self._train(data, self._folder / "again", trial.details["epochs"], linear, stop_after=kept)
        found: list[NDArray[Any]] = model.get_weights()
        return found

    def classifier(self, arrays: Sequence[NDArray[Any]]) -> "keras.Model":
        """Build the classifier in float32 from the arrays of a trial; it gives the same answers on every machine."""
        from tasks.networks import hardware
        from tasks.networks.classifier import subtract_from_logits

        with hardware.dtype_policy("float32"):
            model = self._untrained(self._data)
        model.set_weights(arrays)
        if any(self.subtracted):
            subtract_from_logits(model, np.array(self.subtracted, np.float32))
        return model

    @property
    def subtracted(self) -> list[float]:
        """What is subtracted from each class's logit after the training."""
        imbalance = self._config.imbalance
        strength = imbalance.strength if imbalance.method == "logit_adjustment" else 0.0
        found: list[float] = (strength * class_balance.log_priors(self._data.counts)).tolist()
        return found

    def step_seconds(self) -> float:
        """Measure the time of an optimizer step on this machine: of the last phase or, through an encoder, of both."""
        from tasks.networks import hardware
        from tasks.networks.classifier import behind_encoder
        from tasks.networks.keras_io import seed_everything
        from tasks.train.finetune import freeze, unfreeze
        from tasks.train.fit import Phase, step_seconds

        precision = self._precision(self._data, self._config)
        seed_everything(self._config.seed)
        with hardware.dtype_policy(precision), hardware.strategy_scope(self._config):
            model = self._untrained(self._data)
            if self._data.kind == "network":
                freeze(model)
            for start in self._unfreeze:
                unfreeze(model, start)
            train = self._labelled(self._data, self._data.train)
            phase = Phase("timing", train, None, 1e-9, 1, class_balance.log_priors(self._data.counts))
            seconds = 0.0
            if self._through_encoder:
                phase = replace(phase, rows_at_once=self._rows_at_once(model))
                codes = self._labelled(self._data, self._data.train, codes=True)
                seconds = step_seconds(behind_encoder(model), replace(phase, train=codes), self._config)
            return seconds + step_seconds(model, phase, self._config)

    def _train(
        self,
        data: TrainingSet,
        folder: Path,
        epochs: int,
        linear: Sequence[NDArray[Any]] | None,
        stop_after: Mapping[str, int] | None = None,
    ) -> tuple["keras.Model", "Schedule"]:
        """Train; `linear` is the kernel and the bias that a pretrained network's head starts from."""
        from tasks.networks import hardware
        from tasks.networks.keras_io import seed_everything
        from tasks.train import warm_start
        from tasks.train.finetune import unfreeze
        from tasks.train.schedule import Schedule

        config = self._config.model_copy(update={"epochs": epochs})
        precision = self._precision(data, config)
        seed_everything(config.seed)
        with hardware.dtype_policy(precision), hardware.strategy_scope(config):
            model = self._untrained(data)
            for start in self._unfreeze:
                unfreeze(model, start)  # reports an unknown layer now, not after the head's training
            if self._base:
                warm_start.start_from(self._base, model, data.labels)
            schedule = Schedule(
                model,
                config,
                self._labelled(data, data.train),
                self._labelled(data, data.val) if len(data.val) else None,
                learning_rate=config.learning_rate * (warm_start.RATE if self._base else 1),
                folder=folder,
                progress=self._progress,
                stop_after=stop_after,
            )
            if self._through_encoder:
                if not self._base:  # else its encoder has been trained, and the stored codes are not those of it
                    val = self._labelled(data, data.val, codes=True) if len(data.val) else None
                    schedule.train_on_codes(self._labelled(data, data.train, codes=True), val)
                schedule.train_through_encoder(self._rows_at_once(model))
            elif data.kind != "network":
                schedule.train_network()
            elif self._base and self._unfreeze:
                pass  # its head stays: the stored features are not those of its network, which has been trained
            elif config.cam_filters:
                schedule.train_frozen()
            elif linear is None:
                val = self._pooled(data, data.val) if len(data.val) else None
                schedule.train_head(self._pooled(data, data.train), val)
            else:
                model.get_layer("logits").set_weights([_SOFTER * values for values in linear])
            if self._unfreeze:
                schedule.unfreeze(*self._unfreeze)
            if config.imbalance.method == "retrain_head":
                schedule.retrain_head()
        return model, schedule

    def _precision(self, data: TrainingSet, config: TrainConfig) -> str:
        """Return what the settings say or, for auto on a GPU, what takes the least time with this network."""
        from tasks.networks import hardware

        if config.precision != "auto" or hardware.compute_signature("auto")[1] == "float32":
            return config.precision
        with hardware.dtype_policy("float32"):
            depthwise = hardware.has_depthwise(self._untrained(data))
        steps = config.epochs * math.ceil(len(data.train) / config.batch_size)
        return hardware.precision_of("auto", depthwise=depthwise, steps=steps)

    def _untrained(self, data: TrainingSet) -> "keras.Model":
        """Build the classifier with an untrained head."""
        from tasks.networks import classifier
        from tasks.networks.keras_io import load_artifact

        classes = len(data.labels)
        if data.kind == "network":
            return classifier.encoder_classifier(load_artifact(data.encoder_file), classes, self._config)
        if data.kind == "autoencoder":
            moments = _moments(data.rows_of(data.train))
            if self._through_encoder:
                encoder = load_artifact(data.encoder_file)
                return classifier.through_encoder_classifier(encoder, classes, self._config, moments)
            return classifier.feature_classifier(data.shape, classes, self._config, moments)
        return classifier.tile_classifier(data.shape, classes, self._config)

    def _rows_at_once(self, model: "keras.Model") -> int | None:
        from tasks.training import memory

        return memory.rows_at_once(model, "train", "use smaller pretrain.filters, or preprocess.side_px")

    def _labelled(self, data: TrainingSet, part: Part, *, codes: bool = False) -> "LabelledData":
        """Return a part with the classifier's inputs as rows or, with `codes`, those that the encoder has computed."""
        from tasks.train.fit import LabelledData

        weights = class_balance.class_weights(data.counts, self._config.imbalance)
        return LabelledData(self._inputs(data, part, codes=codes), part.targets, weights[part.targets])

    def _inputs(self, data: TrainingSet, part: Part, *, codes: bool = False) -> LazyRows:
        return data.tiles_of(part) if self._through_encoder and not codes else data.rows_of(part)

    def _pooled(self, data: TrainingSet, part: Part) -> "LabelledData":
        """Return a part with its features as rows, and with the features of its augmented copies."""
        from tasks.train.fit import LabelledData

        weights = class_balance.class_weights(data.counts, self._config.imbalance)[part.targets]
        found = LabelledData(data.vectors_of(part), part.targets, weights)
        copies, positions = data.copies_of(part)
        if not len(copies):
            return found
        return replace(
            found,
            rows=np.concatenate([found.rows, copies]),
            targets=np.concatenate([found.targets, found.targets[positions]]),
            weights=np.concatenate([weights, weights[positions]]),
        )


def _moments(codes: LazyRows) -> "Moments":
    """Compute the mean and variance of each channel of codes `(n, h, w, c)`, reading them in chunks."""
    from tasks.networks.moments import channel_moments

    mean, variance = channel_moments(codes[start : start + _CHUNK] for start in range(0, len(codes), _CHUNK))
    return mean.astype(np.float32), variance.astype(np.float32)
