"""Where a run is copied from or to: a data folder, or one in a bucket."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tasks.store.manifest import Artifact, FileRecord, Manifest


class Place(Protocol):
    """A data folder somewhere."""

    @property
    def name(self) -> str:
        """Its path or URL."""
        ...

    def opened(self, *, writes: bool) -> AbstractContextManager[Path]:
        """Use it in the block; yields a folder with its records of runs, registry, memories and lists.

        What is changed there, and all that was received, is kept at the end of the block, unless that fails.
        """
        ...

    def manifest(self, artifact: Artifact) -> Manifest | None:
        """Read the manifest of an artifact; None if it has no such artifact, or a damaged one."""
        ...

    def local(self, path: str, record: FileRecord) -> AbstractContextManager[Path]:
        """Yield a local file with the content of one of its files; errors name the file that is missing or damaged.

        Args:
            path: The path of the file, relative to the data folder.
            record: Size and SHA-256 of the file.
        """
        ...

    def view(self, manifest: Manifest) -> dict[str, FileRecord]:
        """Return the files of an artifact that its manifest doesn't list, such as the report, by path."""
        ...

    def record(self, path: str) -> FileRecord | None:
        """Return size and SHA-256 of the description of a shard; None if it has no such file."""
        ...

    def has(self, path: str, record: FileRecord) -> bool:
        """Return whether it has such a photo or shard."""
        ...

    def receive(self, path: str, record: FileRecord, source: "Place", *, listed: bool) -> None:
        """Copy a file from another place to the same path.

        Args:
            path: The path of the file, relative to the data folder.
            record: Size and SHA-256 of the file.
            source: The other place.
            listed: Whether a manifest lists the file.
        """
        ...

    def receive_manifest(self, manifest: Manifest) -> None:
        """Add an artifact, whose files and whose parents it has received."""
        ...


def manifest_path(artifact: Artifact) -> str:
    """Return the path of an artifact's manifest, relative to the data folder."""
    return f"{artifact_path(artifact)}/manifest.json"


def artifact_path(artifact: Artifact) -> str:
    """Return the path of an artifact's folder, relative to the data folder."""
    return f"artifacts/{artifact.stage}/{artifact.key}"
