"""Find the trained model to use, with everything that belongs to it."""

from dataclasses import dataclass
from pathlib import Path

from configs.schema import PreprocessConfig
from flows.run_records import RunRecord, read_records
from tasks.inference.decision import REFERENCES, DecisionRule
from tasks.store.errors import UserError
from tasks.store.manifest import Manifest
from tasks.store.store import Store


@dataclass(frozen=True)
class Model:
    """The files and settings that turn a photo into class probabilities."""

    run: str
    classifier: Path
    preprocess: PreprocessConfig
    encoder: Path | None
    """The encoder, if the classifier was trained on its features."""
    rule: DecisionRule
    references: Path | None
    """The features of train photos, if the decision rule compares photos with them."""


def find(store: Store, name: str | None = None) -> Model:
    """Return the model of the last successful run.

    Args:
        store: The store that contains the models.
        name: A run, or a preset (its last successful run); None: of any preset.

    Raises:
        UserError: There is no such model, or it has been deleted.
    """
    successful = [run for run in read_records(store.root) if run.state == "done" and run.until == "evaluate"]
    matching = [run for run in successful if name in (None, run.id, run.preset)]
    if not matching:
        known = ", ".join(dict.fromkeys(run.preset for run in successful))
        problem = f"no successful run or preset is called {name!r}; presets: {known}" if known else "no successful run"
        raise UserError(f"{store.root}: {problem}; `fluke run PRESET` trains a model")
    return _model(store, matching[0])


def _model(store: Store, run: RunRecord) -> Model:
    folders = {stage.artifact.stage: store.folder(stage.artifact) for stage in run.stages}
    try:
        manifests = {stage: Manifest.read(folder) for stage, folder in folders.items()}
    except (FileNotFoundError, ValueError) as error:
        raise UserError(
            f"the model of run {run.id} has been deleted or damaged ({error}); run {run.preset} again"
        ) from error
    rule = DecisionRule.read(folders["evaluate"])
    return Model(
        run=run.id,
        classifier=folders["train"] / "classifier.keras",
        preprocess=PreprocessConfig.model_validate(manifests["preprocess"].cache_key.config),
        encoder=folders["pretrain"] / "encoder.keras" if "pretrain" in folders else None,
        rule=rule,
        references=folders["evaluate"] / REFERENCES if rule.nearest else None,
    )
