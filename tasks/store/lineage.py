"""Where an artifact came from: the manifests of its parents, and of theirs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from configs.schema import STAGE_NAMES
from tasks.store.manifest import Artifact, Manifest


@dataclass(frozen=True)
class Ancestor:
    """One artifact that a result was made from."""

    manifest: Manifest
    is_direct: bool
    """Whether it was handed to the stage itself; else it is older, e.g. what an encoder was trained on."""


def trace(folders: Iterable[Path], root: Path) -> list[Ancestor]:
    """All artifacts behind these folders' ones, in the pipeline's order; those since deleted are left out.

    root: the data folder.
    """
    direct = [Manifest.read(folder) for folder in folders]
    found = {(m.artifact.stage, m.artifact.key): Ancestor(m, is_direct=True) for m in direct}
    todo: list[Artifact] = [parent for m in direct for parent in m.cache_key.parents.values()]
    while todo:
        artifact = todo.pop()
        if (artifact.stage, artifact.key) not in found:
            try:
                manifest = Manifest.read(root / "artifacts" / artifact.stage / artifact.key)
            except (FileNotFoundError, ValueError):
                continue
            found[artifact.stage, artifact.key] = Ancestor(manifest, is_direct=False)
            todo += manifest.cache_key.parents.values()
    order: dict[str, int] = {name: place for place, name in enumerate(STAGE_NAMES)}
    return sorted(found.values(), key=lambda a: (order[a.manifest.artifact.stage], not a.is_direct))
