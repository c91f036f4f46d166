"""The view of an evaluation: explain what the report shows, and write the report; again only where that changed."""

import json
from pathlib import Path

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.explanations import ViewSettings
from tasks.store import hashing
from tasks.store.atomic import write_json
from tasks.store.context import StageContext

VIEW_SETTINGS = frozenset({"gallery", "layer_images"})
"""Settings that only the view depends on: another value doesn't evaluate again."""


def present(
    config: EvaluateConfig,
    evaluation: Path,
    *,
    photos: Path,
    kept: Path,
    tiles: Path,
    inputs: Path,
    classifier: Path,
    context: StageContext,
    encoder: Path | None = None,
) -> None:
    """Write the explanations and the report of an evaluation, unless they are there already.

    Explanations need the network, so they are made again only for other settings. The report needs only files: it is
    made again for other explanations, and when its own code or text has changed.

    Args:
        config: The section of the evaluation.
        evaluation: The folder of the evaluation.
        photos: The folder of the crawl.
        kept: The folder of the filter.
        tiles: The folder of the tiles.
        inputs: The folder of what the classifier was trained on.
        classifier: The folder of the train stage.
        context: The data folder.
        encoder: The folder of the encoder, if there is one.
    """
    wanted = ViewSettings.of(config)
    if ViewSettings.read(evaluation) != wanted:
        from tasks.evaluate.explain import explain

        tables.EXPLAINED.path(evaluation).unlink(missing_ok=True)
        explain(
            config,
            evaluation,
            kept=kept,
            tiles=tiles,
            inputs=inputs,
            classifier=classifier,
            encoder=encoder,
            root=context.root,
        )
        wanted.write(evaluation)
        tables.REPORTED.path(evaluation).unlink(missing_ok=True)
    if _source_of_the_report(evaluation) != _source():
        write_again(evaluation, context.root)


def write_again(evaluation: Path, root: Path) -> Path:
    """Write the report of an evaluation from its files, in seconds and without the network; returns its path.

    Args:
        evaluation: The folder of the evaluation, with its explanations.
        root: The data folder.

    Raises:
        UserError: The evaluation has no explanations.
    """
    from tasks.evaluate.report.write import write_report

    tables.REPORTED.path(evaluation).unlink(missing_ok=True)
    report = write_report(evaluation, root)
    write_json(tables.REPORTED.path(evaluation), {"source": _source()})
    return report


def _source() -> str:
    """Digest of the code that writes reports."""
    return hashing.of_source("tasks.evaluate.report.write")


def _source_of_the_report(evaluation: Path) -> str | None:
    """Digest of the code that wrote the report, or None if there is none, or not all of it."""
    try:
        found: str = json.loads(tables.REPORTED.path(evaluation).read_bytes())["source"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return found
