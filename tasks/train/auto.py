"""Try recipes from cheap to dear within a budget of time; validation then chooses one."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from configs.schema import ImbalanceMethod, InferFrom, TrainConfig
from tasks.inference import logistic
from tasks.inference.decision import DecisionRule
from tasks.inference.headline import HeadlineMetric
from tasks.inference.knn import References
from tasks.inference.scores import MEANS_OVER_CLASSES
from tasks.store import hashing
from tasks.store.progress import Progress
from tasks.train import class_balance
from tasks.train.budget import Allowance, allowance, minutes
from tasks.train.choice import choose
from tasks.train.class_balance import ADJUSTED, WEIGHTED
from tasks.train.recipes import Recipe, with_method
from tasks.train.recipes.logistic import LogisticRecipe
from tasks.train.recipes.network import NetworkRecipe
from tasks.train.training_set import TrainingSet
from tasks.train.trial import Trial
from tasks.training import resumed
from tasks.training.errors import DivergedError, TooLargeError

if TYPE_CHECKING:
    from tasks.train.warm_start import Base

UNEVEN = 2
"""Methods for uneven classes are tried if the largest class has more than this many times the smallest one's photos."""
_LEAST = 1e-12
_ADJUSTMENTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Strengths of the logit adjustment among which validation chooses."""

logger = logging.getLogger("fluke.train")


class Trials:
    """The recipes that have been tried for a training set, in order of their costs."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingSet,
        metric: HeadlineMetric,
        *,
        folder: Path,
        progress: Progress,
        base: "Base | None" = None,
    ) -> None:
        """Take what to learn from and how.

        Args:
            config: the settings.
            data: the training set.
            metric: what trials are compared by.
            folder: of the trials; one that is stored there is not tried again.
            progress: reports the epochs of trainings.
            base: an earlier classifier that a network starts from, if any.
        """
        self.done: list[Trial] = []
        self.recipes: dict[str, Recipe] = {}
        """The recipe of each trial, by the trial's name."""
        self.skipped: dict[str, str] = {}
        """What was not tried, with the reason."""
        self.baseline: Trial | None = None
        """Plain logistic regression on the features; None if there are no features."""
        self._too_long = ""
        self._config, self._data, self._metric = config, data, metric
        self._folder, self._progress, self._base = folder, progress, base

    def run(self) -> None:
        """Try the recipes that `train.recipe` names; with auto, those that fit the budget."""
        data, recipe = self._data, self._config.recipe
        if data.has_features:
            self.baseline = self._logistic("none")
        if recipe == "head":
            self.head()
        elif recipe == "network" or not data.has_features:
            parts = self._parts() if data.kind == "network" else ()
            self.network("network", parts)
        else:
            self.logistic()
        if recipe == "auto" and data.has_features and len(data.val):  # else nothing could choose
            self.nearest()
            if data.kind == "network":
                self.head()
                for start in self._parts():
                    self.network("the whole network" if start == "all" else f"the network from {start}", (start,))
            else:
                self.network(self._on_codes(), ())

    def best(self) -> Trial:
        """Return the best trial so far."""
        return choose(self.done, self._data.val.targets, self._data.val.groups, self._metric)[0]

    def logistic(self) -> None:
        """Try logistic regression with each method for uneven classes that can help."""
        chosen = self._config.imbalance.method
        if chosen != "auto":
            self.done.append(self._logistic(chosen))
            return
        counts = self._data.counts
        strength = self._best_adjustment() if counts.max() > UNEVEN * counts.min() else 0.0
        # For a mean over classes, adjusted logits are right by theory, and a few validation photos of a rare class
        # could not show it.
        if not strength or self._metric not in MEANS_OVER_CLASSES:
            self.done.append(self._logistic("none"))
        if strength:
            self.done.append(self._logistic("logit_adjustment", strength))

    def nearest(self) -> None:
        """Try the most similar train photo of each class, and the blend of that and the best trial so far."""
        data, base = self._data, self.best()
        began = time.monotonic()
        train, val = data.vectors_of(data.train), data.vectors_of(data.val)
        references = References.of(train, data.train.targets.astype(np.int64), data.train.rows["photo"].to_numpy())
        similarity = references.class_similarity(val, len(data.labels))
        seconds = time.monotonic() - began
        truth = data.val.targets.astype(np.int64)
        ways: tuple[tuple[InferFrom, str], ...] = (
            ("nearest", "nearest photo"),
            ("blend", f"{base.name} and nearest photo"),
        )
        for way, name in ways:
            rule = DecisionRule.fit(way, data.labels, base.logits, similarity, truth=truth, unknown_label=None)
            scores = np.log(np.maximum(rule.probabilities(base.logits, similarity), _LEAST)).astype(np.float32)
            trial = Trial(name, scores, base.logits, seconds, base.arrays, infer_from=way, details=base.details)
            self.done.append(trial)
            self.recipes[name] = self.recipes[base.name]

    def head(self) -> None:
        """Try the head, trained by gradient descent."""
        if self.done and self.left_s <= 0 and not self._path("head").exists():
            self._skip("head", f"the budget of {self._config.budget_min:g} min is spent")
            return
        recipe = self._network_recipe(())
        self._try_network("head", recipe, lambda: recipe.try_out("head"))

    def network(self, name: str, unfreeze: tuple[str | int, ...]) -> None:
        """Try a network: a pretrained one from some layer on, or one from scratch."""
        recipe = self._network_recipe(unfreeze, self._start())
        path = self._path(name)
        allowed: Allowance | str = Allowance(self._config.epochs)
        if self.done and not path.exists():
            # the parts come from small to large: what needs more time than a smaller one is not even measured
            try:
                allowed = self._too_long or allowance(
                    recipe, self._config, self._data, self.left_s, path.with_suffix(".json")
                )
            except TooLargeError as error:
                allowed = str(error)
        if isinstance(allowed, str):
            self._skip(name, allowed)
            self._too_long = allowed if self._too_long else f"a smaller part is too slow already: {allowed}"
        else:
            self._try_network(name, recipe, lambda: recipe.try_out(name, allowed.epochs, again=allowed.again))

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left."""
        return self._config.budget_min * 60 - sum(trial.seconds for trial in self.done)

    def _best_adjustment(self) -> float:
        """Return the strength of the logit adjustment with the lowest validation loss, a mean over classes; 0: none."""
        truth = self._data.val.targets
        if self.baseline is None or not len(truth):
            return 0.0
        priors = class_balance.log_priors(self._data.counts)
        weights = 1 / np.bincount(truth)[truth]
        losses = [
            float(np.average(logistic.log_losses(self.baseline.logits - strength * priors, truth), weights=weights))
            for strength in _ADJUSTMENTS
        ]
        return _ADJUSTMENTS[int(np.argmin(losses))]

    def _logistic(self, method: ImbalanceMethod, strength: float | None = None) -> Trial:
        name = "logistic regression" + (f", {method.replace('_', ' ')}" if method != "none" else "")
        if self.baseline and method == "none":
            return self.baseline
        recipe = LogisticRecipe(with_method(self._config, method, strength), self._data)
        if self.baseline and method in ADJUSTED:
            self.recipes[name] = recipe
            return replace(recipe.adjusted(name, self.baseline), seconds=0.0)
        return self._try(name, recipe, lambda: recipe.try_out(name))

    def _on_codes(self) -> str:
        """Return the name of the trial of a network on an autoencoder's codes."""
        config = self._config
        start = "from scratch" if config.network_weights == "none" else "with pretrained weights"
        return f"{config.network} {start}{', through the encoder' if config.through_encoder else ''}"

    def _parts(self) -> tuple[str | int, ...]:
        """Return the parts of a pretrained network to train: those that are set, or its last block and all of it."""
        return self._config.unfreeze or tuple(each for each in (self._data.info["upper_part"], "all") if each)

    def _try(self, name: str, recipe: Recipe, learn: Callable[[], Trial]) -> Trial:
        path = self._path(name)
        trial = Trial.read(path)
        if trial:
            resumed.add(trial.seconds)
        else:
            trial = learn()
            trial.write(path)
            logger.info("tried %s in %s", name, minutes(trial.seconds))
        self.recipes[name] = recipe
        return trial

    def _try_network(self, name: str, recipe: NetworkRecipe, learn: Callable[[], Trial]) -> None:
        try:
            self.done.append(self._try(name, recipe, learn))
        except (DivergedError, TooLargeError) as error:
            if not self.done:
                raise
            self._skip(name, str(error))

    def _skip(self, name: str, why: str) -> None:
        logger.info("%s is not tried: %s", name, why)
        self.skipped[name] = why

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashing.of_value(name)[:16]}.npz"

    def _network_recipe(
        self, unfreeze: tuple[str | int, ...], head: tuple[LogisticRecipe, Trial] | None = None
    ) -> NetworkRecipe:
        """Make a recipe by gradient descent, with the method for uneven classes of the best trial so far."""
        config = self._config
        if config.imbalance.method == "auto" and self.done:
            best = self.best().details
            config = with_method(config, best["method"], best["adjustment"])
        elif config.imbalance.method == "auto":  # nothing else is tried: the metric says what is wanted
            by_class = self._metric in MEANS_OVER_CLASSES
            config = with_method(config, "logit_adjustment" if by_class else "none")
        return NetworkRecipe(
            config,
            self._data,
            unfreeze=unfreeze,
            folder=self._folder / ("-".join(map(str, unfreeze)) or "training"),
            progress=self._progress,
            head=head,
            base=self._base,
        )

    def _start(self) -> tuple[LogisticRecipe, Trial] | None:
        """Return the logistic regression that a pretrained network's head starts from, without subtracted priors."""
        if not self.done or self._data.kind != "network" or self._config.head != "softmax" or self._config.hidden:
            return None
        weighted = self.best().details["method"] in WEIGHTED
        for trial in [*self.done, *([self.baseline] if self.baseline else [])]:
            recipe = self.recipes[trial.name]
            method = trial.details["method"]
            if isinstance(recipe, LogisticRecipe) and method not in ADJUSTED and (method in WEIGHTED) == weighted:
                return recipe, trial
        return None
