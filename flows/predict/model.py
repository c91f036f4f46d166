"""Find the trained model to use, with everything that belongs to it."""

from dataclasses import dataclass
from pathlib import Path

from configs.load import presets
from configs.schema import PreprocessConfig
from flows import model_names, preflight
from flows.run_records import RunRecord, find_run, read_records
from tasks.inference.decision import DecisionRule
from tasks.networks.encode import encoder_info
from tasks.store.errors import UserError
from tasks.store.manifest import Manifest
from tasks.store.store import Store
from tasks.tables import CLASSIFIER, ENCODER, ENCODER_INFO, REFERENCES


@dataclass(frozen=True)
class Model:
    """The files and settings that turn a photo into class probabilities."""

    run: str
    classifier: Path
    preprocess: PreprocessConfig
    encoder: Path | None
    """The autoencoder's encoder, if the classifier takes its codes; other classifiers take tiles."""
    rule: DecisionRule
    references: Path | None
    """The features of train photos, if the decision rule compares photos with them."""


def find(store: Store, name: str | None = None) -> Model:
    """Return the model of the last successful run.

    Args:
        store: The store that contains the models.
        name: The ID of a run, the name of a model, or a preset (its last successful run); None: of any preset.

    Raises:
        UserError: There is no such model, or it has been deleted.
    """
    return _model(store, find_run(store.root, name))


def of_run(store: Store, run: RunRecord) -> Model:
    """Return the model of a run.

    Args:
        store: The store that contains it.
        run: The record of a run that has a model, see `RunRecord.model`.

    Raises:
        UserError: It has been deleted or damaged.
    """
    return _model(store, run)


def name_model(store: Store, run: str, name: str) -> RunRecord:
    """Give the model of a run a name, so that it can be used by this name and isn't pruned; returns the run.

    Args:
        store: The store that contains the models.
        run: The ID of a run, or a preset (its last successful run).
        name: The name.

    Raises:
        UserError: There is no such model, it has been deleted, or it can't have this name.
    """
    with preflight.in_use(store.root):  # so that it isn't being pruned
        found = find_run(store.root, run)
        _model(store, found)
        if name in presets() or any(name in (record.id, record.preset) for record in read_records(store.root)):
            raise UserError(f"{name!r} is the name of a preset or the ID of a run; choose another name")
        model_names.add(store.root, name, found.id)
    return found


def _model(store: Store, run: RunRecord) -> Model:
    folders = {artifact.stage: store.folder(artifact) for artifact in run.model}
    try:
        manifests = {stage: Manifest.read(folder) for stage, folder in folders.items()}
        if [manifests[artifact.stage].artifact for artifact in run.model] != run.model:
            raise ValueError("it was built again with another result")
    except (FileNotFoundError, ValueError) as error:
        raise UserError(
            f"the model of run {run.id} has been deleted or damaged ({error}); run {run.preset} again"
        ) from error
    rule = DecisionRule.read(folders["evaluate"])
    encoder = folders.get("pretrain")  # earlier versions skipped the stage for classifiers of tiles
    return Model(
        run=run.id,
        classifier=CLASSIFIER.path(folders["train"]),
        preprocess=PreprocessConfig.model_validate(manifests["preprocess"].cache_key.config),
        encoder=ENCODER.path(encoder) if encoder and _is_autoencoder(encoder) else None,
        rule=rule,
        references=REFERENCES.path(folders["evaluate"]) if rule.nearest else None,
    )


def _is_autoencoder(encoder: Path) -> bool:
    """Whether the classifier takes the codes of an autoencoder.

    In earlier versions, a model with an encoder had an autoencoder, and the artifact had no description.
    """
    if not ENCODER_INFO.path(encoder).exists():
        return True
    return bool(encoder_info(encoder).get("kind") == "autoencoder")
