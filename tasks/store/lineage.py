"""The lineage of an artifact: the manifests of its parents and of their parents."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from configs.schema import STAGE_NAMES
from tasks.store.manifest import Artifact, ManifestHead
from tasks.store.paths import inside


@dataclass(frozen=True)
class Ancestor:
    """An artifact that a result was built from."""

    manifest: ManifestHead
    is_direct: bool
    """Whether it is an input of the stage itself; otherwise one of their ancestors."""


def trace(folders: Iterable[Path], root: Path) -> list[Ancestor]:
    """List the artifacts in some folders and all their ancestors, in the order of the stages.

    Ancestors that have been deleted are left out.

    Args:
        folders: Folders of artifacts.
        root: The data folder.
    """
    direct = [ManifestHead.read(folder) for folder in folders]
    found = {(m.artifact.stage, m.artifact.key): Ancestor(m, is_direct=True) for m in direct}
    todo: list[Artifact] = [parent for m in direct for parent in m.cache_key.parents.values()]
    while todo:
        artifact = todo.pop()
        if (artifact.stage, artifact.key) not in found:
            try:
                manifest = ManifestHead.read(inside(root, f"artifacts/{artifact.stage}/{artifact.key}"))
            except (FileNotFoundError, NotADirectoryError, ValueError):
                continue
            found[artifact.stage, artifact.key] = Ancestor(manifest, is_direct=False)
            todo += manifest.cache_key.parents.values()
    order: dict[str, int] = {name: place for place, name in enumerate(STAGE_NAMES)}
    known = [ancestor for (stage, _), ancestor in found.items() if stage in order]  # another program may name others
    return sorted(known, key=lambda a: (order[a.manifest.artifact.stage], not a.is_direct))
