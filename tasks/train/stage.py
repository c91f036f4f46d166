"""Train the classifier: recipes learn from the train photos, validation chooses one, and it learns again from both."""

import logging
import shutil
from pathlib import Path
from typing import Any

from configs.schema import TrainConfig
from tasks.held_out import held_out, memory_of
from tasks.inference.headline import headline_metric
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Result
from tasks.store.stage import Stage
from tasks.store.store import Store
from tasks.train import warm_start
from tasks.train.auto import Trials
from tasks.train.choice import choose
from tasks.train.outcome import Outcome
from tasks.train.recipes import Recipe
from tasks.train.recipes.network import NetworkRecipe
from tasks.train.same_photos import accept_stale, digest_of, photos_digest
from tasks.train.training_set import TrainingSet
from tasks.training import under_way

VERSION = 3

logger = logging.getLogger("fluke.train")


def build_classifier(
    config: TrainConfig, *, kept: Path, tiles: Path, encoder: Path, features: Path, context: StageContext
) -> Result:
    """Train a classifier and write it with the names of its classes and how it was chosen.

    A killed training continues: finished trials are read, and the one under way goes on from its last checkpoint.

    Args:
        config: the settings.
        kept: folder of the filter's artifact.
        tiles: folder of the tiles.
        encoder: folder of the encoder.
        features: folder of the features.
        context: where to write, and how to report.

    Raises:
        UserError: there are train photos of fewer than two classes, the training diverged, memory is too small, or the
            recipe needs features that the encoder doesn't give.
    """
    from tasks.networks import hardware
    from tasks.networks.keras_io import weights_digest

    data = TrainingSet.read(kept=kept, tiles=tiles, encoder=encoder, features=features, root=context.root)
    _check(config, data, context)
    hardware.enable_memory_growth()
    photos = photos_digest(kept, tiles, features)
    base = _find_base(config, data, kept, context)
    folder = _under_way(config, photos, encoder, base, context)
    metric = headline_metric(data.counts, config.metric)
    trials = Trials(config, data, metric, folder=folder, progress=context.progress, base=base)
    trials.run()
    chosen, judged = choose(trials.done, data.val.targets, data.val.groups, metric)
    recipe = trials.recipes[chosen.name]
    refitted = _is_refitted(config, data, recipe, base) and chosen.details.get("again", True)
    arrays = recipe.again(chosen, data.together()) if refitted else chosen.arrays
    finished = recipe.classifier(arrays)

    Outcome(data, trials, judged, chosen, metric, refitted, arrays).write(context.out, finished)
    subtracted = recipe.subtracted if isinstance(recipe, NetworkRecipe) else [0.0] * len(data.labels)
    learned_from = (data.together() if refitted else data).train.rows["photo"]
    warm_start.write_lineage(
        context.out,
        base,
        set(learned_from),
        subtracted,
        memory=memory_of(kept),
        photos=photos,
        encoder=digest_of(encoder),
    )
    for logs in folder.glob("*/tensorboard"):
        shutil.copytree(logs, context.out / "tensorboard" / logs.parent.name)
    under_way.keep_only(folder)
    made: dict[str, Any] = {"photos": len(learned_from), "classes": len(data.labels), "recipes": len(trials.done)}
    made |= {"parameters": finished.count_params()}
    if len(data.val):
        made[f"{metric.replace('_', ' ')} on validation"] = next(j.score for j in judged if j.trial is chosen)
    # the evaluation uses and shows how the recipe was chosen, but the seconds of trials decide nothing
    tried = [[each.trial.name, f"{each.score:.6f}"] for each in judged]
    how = [metric, chosen.name, chosen.infer_from, refitted, tried, sorted(trials.skipped)]
    content = [data.labels, weights_digest(finished), subtracted, how]
    return Result(made, digest=hashing.of_value(content))


def check_recipe(recipe: str, kind: str) -> None:
    """Raise UserError if `train.recipe` doesn't suit the kind of encoder: network, autoencoder or none."""
    if recipe == "logistic" and kind == "none":
        raise UserError(
            "train.recipe: logistic needs features, and pretrain.encoder is none; set an encoder, or "
            "train.recipe=network"
        )
    if recipe == "head" and kind != "network":
        raise UserError(
            f"train.recipe: head needs a pretrained network, and pretrain.encoder is {kind}; set a network, such "
            "as efficientnet_lite0, or another recipe"
        )


def _check(config: TrainConfig, data: TrainingSet, context: StageContext) -> None:
    """Say which settings have no effect with these photos.

    Raises:
        UserError: the recipe doesn't suit the encoder.
    """
    from tasks.networks.augment import RGB_CHANNELS

    check_recipe(config.recipe, data.kind)
    if not len(data.val):
        averaged = ", and train.ema has no effect" if config.ema else ""
        context.warn(
            f"no validation photos: nothing can choose among recipes or stop a training{averaged}; add photos, or "
            "raise filter.val_fraction"
        )
    if config.augment.rand_augment and data.tiles_of(data.train).shape[-1] != RGB_CHANNELS:
        context.warn(
            "train.augment.rand_augment has no effect: it needs RGB tiles, and these are grey "
            "(preprocess.colour=rgb makes RGB tiles)"
        )


def _is_refitted(config: TrainConfig, data: TrainingSet, recipe: Recipe, base: warm_start.Base | None) -> bool:
    """Return whether the chosen recipe learns again from train and validation.

    Networks from scratch don't: they would take as long again. Neither does a warm start, whose next night could not
    validate, nor an average of weights, which needs validation.
    """
    if not config.refit or base or config.warm_start or not len(data.val):
        return False
    return not isinstance(recipe, NetworkRecipe) or (data.kind == "network" and not config.ema)


def _find_base(config: TrainConfig, data: TrainingSet, kept: Path, context: StageContext) -> warm_start.Base | None:
    """Return the champion's classifier, if `train.warm_start` is set and it suits; see `warm_start.find`."""
    if not config.warm_start:
        return None
    return warm_start.find(
        Store(context.root),
        config,
        VERSION,
        context.champion,
        tiles=data.tiles,
        encoder=data.encoder,
        labels=data.labels,
        excluded=held_out(kept),
        memory=memory_of(kept),
    )


def _under_way(
    config: TrainConfig, photos: str, encoder: Path, base: warm_start.Base | None, context: StageContext
) -> Path:
    """Return the folder of the trials; its name is a digest of all that decides them."""
    from tasks.networks import hardware

    inputs = [
        VERSION,
        photos,
        digest_of(encoder),
        hardware.compute_signature(config.precision),
        config.model_dump(mode="json", exclude={"budget_min", "refit"}),
        base.digest if base else None,
    ]
    return under_way.folder_of(inputs, context)


def _dynamic_modules(config: TrainConfig) -> list[str]:
    from tasks.networks import backbones

    return [backbones.module_of(config.network)]


def external_inputs(config: TrainConfig, root: Path) -> dict[str, str | int]:
    """Return the digest of the file of weights, if `train.network_weights` is a path.

    Raises:
        UserError: the file cannot be read.
    """
    if not isinstance(config.network_weights, Path):
        return {}
    return {"weights": hashing.of_user_file(config.network_weights, "train.network_weights")}


STAGE = Stage(
    "train",
    VERSION,
    build=build_classifier,
    external_inputs=external_inputs,
    dynamic_modules=_dynamic_modules,
    accept_stale=accept_stale,
)
