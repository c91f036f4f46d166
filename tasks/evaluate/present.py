"""The view of an evaluation: make the explanations and the report, each only if it is missing or outdated."""

import json
from pathlib import Path

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.explanations import ViewSettings
from tasks.store import hashing
from tasks.store.context import StageContext

REPORT_MODULE = "tasks.evaluate.report.write"
VIEW_SETTINGS = frozenset({"gallery", "layer_images"})
"""Settings that only change the view. A new value of one of them doesn't evaluate again."""


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
    """Write the explanations and the report of an evaluation, if they are missing or outdated.

    Explanations need the network, so they are made again only if the settings have changed. The report needs only
    files. It is written again after new explanations, and if its own code or text has changed.

    Args:
        config: The section of the evaluate stage.
        evaluation: The folder of the evaluation.
        photos: The folder of the crawl stage.
        kept: The folder of the filter stage.
        tiles: The folder of the preprocess stage.
        inputs: The folder with the classifier's input.
        classifier: The folder of the train stage.
        context: Contains the data folder.
        encoder: The folder of the pretrain stage, if the classifier was trained on its codes.
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
    if _report_source(evaluation) != hashing.of_source(REPORT_MODULE):
        from tasks.evaluate.report.write import write_report

        write_report(evaluation, context.root)


def _report_source(evaluation: Path) -> str | None:
    """Read the digest of the code that wrote the report; None if the report is missing or incomplete."""
    try:
        found: str = json.loads(tables.REPORTED.path(evaluation).read_bytes())["source"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # write the report again if the file is damaged
        return None
    return found
