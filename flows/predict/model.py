"""Which trained model answers, and all that belongs to it."""

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
    """A classifier, and all that turns a photo into what it takes."""

    run: str
    classifier: Path
    preprocess: PreprocessConfig
    encoder: Path | None
    """The autoencoder's first half, if the classifier was trained on its features."""
    inference: DecisionRule
    references: Path | None
    """The train photos that others are compared with, where that is how they are answered."""


def find(store: Store, name: str | None = None) -> Model:
    """The model of the newest run that ended well; with a name, of that run, or of the newest of that preset.

    Raises UserError if there is none, or if it has been deleted.
    """
    complete = [run for run in read_records(store.root) if run.state == "done" and run.until == "evaluate"]
    named = [run for run in complete if name in (None, run.id, run.preset)]
    if not named:
        known = ", ".join(dict.fromkeys(run.preset for run in complete))
        missing = (
            f"no run that ended well is called {name!r}; there are those of {known}" if known else "no run has ended"
        )
        raise UserError(f"{store.root}: {missing}; `fluke run PRESET` makes a model")
    return _model(store, named[0])


def _model(store: Store, run: RunRecord) -> Model:
    folders = {stage.artifact.stage: store.folder(stage.artifact) for stage in run.stages}
    try:
        manifests = {stage: Manifest.read(folder) for stage, folder in folders.items()}
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"the model of run {run.id} is not there any more ({error}); run {run.preset} again") from error
    inference = DecisionRule.read(folders["evaluate"])
    return Model(
        run=run.id,
        classifier=folders["train"] / "classifier.keras",
        preprocess=PreprocessConfig.model_validate(manifests["preprocess"].cache_key.config),
        encoder=folders["pretrain"] / "encoder.keras" if "pretrain" in folders else None,
        inference=inference,
        references=folders["evaluate"] / REFERENCES if inference.nearest else None,
    )
