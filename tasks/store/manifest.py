"""The manifest of an artifact: what it was made from, what it holds, and whether that is still so."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.store import hashing
from tasks.store.atomic import atomic_write

NAME = "manifest.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)


class Artifact(_Record):
    """A reference to what a stage left on disk; the only thing that travels between stages."""

    stage: str
    key: str
    """Name of its folder: the recipe's key, with `-2`, `-3` ... when it was made again."""
    digest: str
    """Digest of its content; what the stages below depend on."""


class FileRecord(_Record):
    """Size and SHA-256 of one file, as it was when the artifact was published."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Measure a file."""
        return cls(bytes=path.stat().st_size, sha256=hashing.of_file(path))

    def problem(self, path: Path, *, verify: bool) -> str | None:
        """What is wrong with the file now, or None; the content is only read if `verify`."""
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return f"{path} is missing"
        if size != self.bytes:
            return f"{path} has {size:,} bytes instead of {self.bytes:,}"
        if verify and hashing.of_file(path) != self.sha256:
            return f"{path} has changed"
        return None


class CacheKey(_Record):
    """All that decides a stage's result; its digest is the artifact's key."""

    stage: str
    version: int
    config: dict[str, Any]
    parents: dict[str, Artifact] = Field(default_factory=dict)
    external_inputs: dict[str, str | int] = Field(default_factory=dict, alias="observed")
    """What the stage read outside the store, e.g. the fingerprint of a folder of photos."""

    @property
    def digest(self) -> str:
        """24 hex digits; parents count by content, so one that was made again with the same result doesn't."""
        parents = {name: parent.digest for name, parent in self.parents.items()}
        return hashing.of_value([self.stage, self.version, self.config, parents, self.external_inputs])[:24]


class Manifest(_Record):
    """Written last into an artifact's folder: a folder without a valid one doesn't exist."""

    artifact: Artifact
    cache_key: CacheKey = Field(alias="recipe")  # on disk under this name, so that artifacts stay valid
    counts: dict[str, int | float]
    files: dict[str, FileRecord]
    """Its own files, by path inside the folder."""
    refs: dict[str, FileRecord]
    """Files of pools that it points at, by path inside the data folder."""
    source: str
    """Digest of the stage's code."""
    made_at: datetime
    seconds: float

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a folder's manifest; raises FileNotFoundError or ValueError."""
        try:
            return cls.model_validate_json((folder / NAME).read_bytes())
        except ValidationError as error:
            raise ValueError(f"{folder / NAME} is damaged") from error

    def write(self, folder: Path) -> None:
        """Write it into the folder: whole or not at all."""
        atomic_write(folder / NAME, self.model_dump_json(indent=1).encode())

    def problems(self, folder: Path, root: Path, *, verify: bool) -> Iterator[tuple[Path, str]]:
        """Files that are missing or damaged, each with what is wrong; `root` is the data folder."""
        located = [(folder / name, record) for name, record in self.files.items()]
        located += [(root / name, record) for name, record in self.refs.items()]
        for path, record in located:
            problem = record.problem(path, verify=verify)
            if problem:
                yield path, problem


class Result:
    """What a stage's folder function returns: counts for people, and what the manifest should know."""

    def __init__(
        self,
        counts: Mapping[str, int | float],
        *,
        digest: str | None = None,
        refs: Mapping[Path, FileRecord] | None = None,
    ) -> None:
        """Take the outcome of a build.

        counts: what was made, in the order in which people should read it.
        digest: of what the artifact means, where its bytes say more (times, places in a pool); None: of its files.
        refs: files outside the artifact's folder that it cannot do without.
        """
        self.counts = dict(counts)
        self.digest = digest
        self.refs = dict(refs or {})


def content_digest(files: Mapping[str, FileRecord]) -> str:
    """Digest of a folder's content: names and SHA-256 of its files."""
    return hashing.of_value({name: record.sha256 for name, record in files.items()})


def now() -> datetime:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def newest(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Manifests, the newest first."""
    return sorted(manifests, key=lambda manifest: manifest.made_at, reverse=True)
