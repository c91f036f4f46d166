"""Evaluate a classifier in three steps: predict, decide, measure. Each reads the files of the steps before it."""

from pathlib import Path

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.decide import decide
from tasks.evaluate.eval_set import EvalSet, rows_of
from tasks.evaluate.measure import counts, measure
from tasks.evaluate.predict import predict
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Result

VERSION = 3


def build_evaluation(
    config: EvaluateConfig,
    *,
    photos: Path,
    kept: Path,
    tiles: Path,
    inputs: Path,
    classifier: Path,
    context: StageContext,
    encoder: Path | None = None,
) -> Result:
    """Predict the photos of validation and test, and measure the answers.

    Args:
        config: The section of the evaluation.
        photos: The folder of the crawl; only the report reads it.
        kept: The folder of the filter.
        tiles: The folder of the tiles; only the report reads it.
        inputs: The folder of what the classifier was trained on: tiles, or features.
        classifier: The folder of the train stage.
        context: Where to write.
        encoder: The folder of the encoder, if the classifier was trained on its features.

    Raises:
        UserError: No photo is in the test split, the classifier returns NaN or infinity, or there is nothing to fit
            the unknown class on.
    """
    import pandas as pd

    eval_set = EvalSet.read(config, kept, classifier)
    rows = rows_of(inputs, eval_set.rows["photo"], context.root)
    predict(classifier, rows, eval_set, context.out, context.progress)
    decide(config, eval_set, context.out)
    measured = measure(
        config,
        eval_set,
        context.out,
        root=context.root,
        classifier=classifier,
        has_encoder=encoder is not None,
        version=VERSION,
    )
    predictions: pd.DataFrame = tables.PREDICTIONS.read(context.out)
    return Result(counts(measured), digest=hashing.of_value([measured, predictions.to_json(orient="values")]))
