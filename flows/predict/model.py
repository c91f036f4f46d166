"""Find the trained model to use, with everything that belongs to it."""

from dataclasses import dataclass
from pathlib import Path

from configs import presets
from configs.schema import PreprocessConfig
from flows import model_names, preflight
from flows.models.find import find_run, instead, names
from flows.models.registry import Registry
from flows.run_records import RunRecord, read_records
from tasks.inference.decision import DecisionRule
from tasks.inference.limits import Limits
from tasks.networks.encode import encoder_info, takes_codes
from tasks.store.errors import UserError
from tasks.store.json_file import read_json
from tasks.store.manifest import Manifest
from tasks.store.store import Store
from tasks.tables.evaluate import REFERENCES
from tasks.tables.pretrain import ENCODER, ENCODER_INFO
from tasks.tables.train import CLASSIFIER, RECIPE


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
    limits: Limits
    """Where an answer is unsure, and which classes are possible."""


def find(store: Store, name: str | None = None) -> Model:
    """Return the model that is meant.

    Args:
        store: The store that contains the models.
        name: The ID of a run, or a name, see `flows.models.find.find_run`; None: the champion of the only name.

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
        run: The ID of a run, or a name, see `flows.models.find.find_run`.
        name: The name.

    Raises:
        UserError: There is no such model, it has been deleted, or it can't have this name.
    """
    with preflight.in_use(store.root):  # so that it isn't being pruned
        found = find_run(store.root, run)
        _model(store, found)
        if name in [*presets.names(), *names(store.root)] or any(
            name in (record.id, record.preset) for record in read_records(store.root)
        ):
            raise UserError(f"{name!r} is the name of a preset or of models, or the ID of a run; choose another name")
        model_names.add(store.root, name, found.id)
    return found


def _model(store: Store, run: RunRecord) -> Model:
    folders = {artifact.stage: store.folder(artifact) for artifact in run.model}
    try:
        manifests = {stage: Manifest.read(folder) for stage, folder in folders.items()}
        if [manifests[artifact.stage].artifact for artifact in run.model] != run.model:
            raise ValueError("it was built again with another result")
    except (FileNotFoundError, ValueError) as error:
        reason = f"{error.filename} is missing" if isinstance(error, FileNotFoundError) else str(error)
        problem = f"the model of run {run.id} has been deleted or damaged ({reason})"
        registry = Registry(store.root, run.model_name)
        if registry.champion() == run.id:
            problem = f"{problem}, and it is the one that is used under the name {registry.name!r}"
            raise UserError(f"{problem}; {instead(store.root, registry.name)}") from error
        raise UserError(f"{problem}; run {run.preset} again") from error
    rule = DecisionRule.read(folders["evaluate"])
    encoder = folders.get("pretrain")  # earlier versions skipped the stage for classifiers of tiles
    return Model(
        run=run.id,
        classifier=CLASSIFIER.path(folders["train"]),
        preprocess=PreprocessConfig.model_validate(manifests["preprocess"].cache_key.config),
        encoder=ENCODER.path(encoder) if encoder and _is_before(encoder, folders["train"]) else None,
        rule=rule,
        references=REFERENCES.path(folders["evaluate"]) if rule.nearest else None,
        limits=Limits.read(folders["evaluate"]),
    )


def _is_before(encoder: Path, classifier: Path) -> bool:
    """Whether the classifier takes the codes of an autoencoder, so that its encoder comes before it.

    In earlier versions, a model with an encoder had an autoencoder, and the artifact had no description.
    """
    if not ENCODER_INFO.path(encoder).exists():
        return True
    recipe = RECIPE.path(classifier)
    return takes_codes(str(encoder_info(encoder).get("kind")), read_json(recipe, dict) if recipe.exists() else {})
