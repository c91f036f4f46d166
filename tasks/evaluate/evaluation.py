"""Evaluate a classifier in three steps: predict, decide, measure. Each step reads the files of the steps before."""

from pathlib import Path

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.counts import counts
from tasks.evaluate.decide import decide
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.measure import measure
from tasks.evaluate.model import Model
from tasks.evaluate.predict import predict
from tasks.evaluate.removed import RemovedPhotos
from tasks.evaluate.unknown_groups import propose_groups
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Result

VERSION = 5


def build_evaluation(
    config: EvaluateConfig,
    *,
    photos: Path,
    kept: Path,
    tiles: Path,
    encoder: Path,
    features: Path,
    classifier: Path,
    context: StageContext,
) -> Result:
    """Predict the classes of the validation and test photos, and measure the predictions.

    The photos that a check of the filter removed from the test are predicted afterwards, for a comparison of the scores
    with and without them.

    Args:
        config: The section of the evaluate stage.
        photos: The folder of the crawl stage; only the report reads it.
        kept: The folder of the filter stage.
        tiles: The folder of the preprocess stage.
        encoder: The folder of the pretrain stage.
        features: The folder of the extract stage.
        classifier: The folder of the train stage.
        context: The folders to write to.

    Raises:
        UserError: The test split is empty, the classifier returns NaN or infinity, or the unknown class can't be
            fitted.
    """
    import pandas as pd

    model = Model(tiles=tiles, encoder=encoder, features=features, classifier=classifier, root=context.root)
    eval_set = EvalSet.read(config, kept, classifier)
    if model.infer_from(config) != "network" and model.features_know_validation:
        context.warn(
            f"evaluate.infer_from={config.infer_from}: the network's features have learned from the validation photos, "
            "too, so its probabilities may be too high; train.refit=false keeps validation photos apart"
        )
    predict(config, model, eval_set, context.out, context.progress)
    decide(config, model, eval_set, context.out)
    unknown_groups = propose_groups(config, eval_set, context.out)
    removed = RemovedPhotos.predict(eval_set, kept=kept, model=model, context=context)
    measured = measure(
        config,
        eval_set,
        context.out,
        removed=removed,
        unknown_groups=unknown_groups,
        model=model,
        version=VERSION,
        champion=context.champion,
    )
    predictions: pd.DataFrame = tables.evaluate.PREDICTIONS.read(context.out)
    result = {name: value for name, value in measured.items() if name != "recipe"}  # that has the seconds of trials
    return Result(counts(measured), digest=hashing.of_value([result, predictions.to_json(orient="values")]))
