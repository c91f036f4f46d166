"""The manifest of an artifact: its inputs, its files, and a check that the files are intact."""

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
    """A reference to the output of a stage; stages pass nothing else to each other."""

    stage: str
    key: str
    """Name of its folder: the digest of its cache key, with `-2`, `-3` ... if it was built again."""
    digest: str
    """Digest of its content; the cache keys of later stages include it."""


class FileRecord(_Record):
    """Size and SHA-256 of a file at the time when the artifact was published."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Compute the record of a file."""
        return cls(bytes=path.stat().st_size, sha256=hashing.of_file(path))

    def problem(self, path: Path, *, verify: bool) -> str | None:
        """Describe what is wrong with the file now; None if it is intact.

        Args:
            path: The file.
            verify: Whether to read the content and compare its SHA-256; otherwise only the size is compared.
        """
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
    """Everything that determines the result of a stage; its digest is the artifact's key."""

    stage: str
    version: int
    config: dict[str, Any]
    parents: dict[str, Artifact] = Field(default_factory=dict)
    external_inputs: dict[str, str | int] = Field(default_factory=dict, alias="observed")
    """What the stage reads outside the store, e.g. the fingerprint of a folder of photos."""

    @property
    def digest(self) -> str:
        """24 hex digits; a parent counts by its content, so building it again with the same result changes nothing."""
        parents = {name: parent.digest for name, parent in self.parents.items()}
        return hashing.of_value([self.stage, self.version, self.config, parents, self.external_inputs])[:24]


class Manifest(_Record):
    """The manifest of an artifact.

    It is written last: a folder without a valid manifest counts as no artifact.
    """

    number: int = 0
    """Of two artifacts, the one with the higher number is newer, whatever the clock said, see `counter`; 0: made by a
    version without numbers. It comes first in the file, where `counter` reads it."""
    artifact: Artifact
    cache_key: CacheKey = Field(alias="recipe")  # the name on disk: existing artifacts stay valid
    counts: dict[str, int | float]
    files: dict[str, FileRecord]
    """Its own files, by path relative to its folder."""
    refs: dict[str, FileRecord]
    """Files outside its folder that it needs (photos, shards), by path relative to the data folder."""
    source: str
    """Digest of the stage's code."""
    notes: tuple[str, ...] = ()
    """What the user gave that is not used as given, see `StageContext.warn`."""
    made_at: datetime
    seconds: float

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest in a folder.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is damaged.
        """
        try:
            return cls.model_validate_json((folder / NAME).read_bytes())
        except ValidationError as error:
            raise ValueError(f"{folder / NAME} is damaged") from error

    def write(self, folder: Path) -> None:
        """Write it into the folder atomically."""
        atomic_write(folder / NAME, self.model_dump_json(indent=1).encode())

    def problems(self, folder: Path, root: Path, *, verify: bool) -> Iterator[tuple[Path, str]]:
        """Yield each missing or damaged file with a description of the problem.

        Args:
            folder: The artifact's folder.
            root: The data folder.
            verify: Whether to compare contents, not only sizes.
        """
        located = [(folder / name, record) for name, record in self.files.items()]
        located += [(root / name, record) for name, record in self.refs.items()]
        for path, record in located:
            problem = record.problem(path, verify=verify)
            if problem:
                yield path, problem


class Result:
    """What a stage's build function returns."""

    def __init__(
        self,
        counts: Mapping[str, int | float],
        *,
        digest: str | None = None,
        refs: Mapping[Path, FileRecord] | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        """Describe what was built.

        Args:
            counts: Numbers for the user, in the order in which they are shown.
            digest: Digest of the meaning of the artifact, if its bytes contain more, such as times or positions in a
                pool; None: the digest of its files.
            refs: Files outside the artifact's folder that it needs.
            notes: What the user gave that is not used as given; `Run` adds those of `StageContext.warn`.
        """
        self.counts = dict(counts)
        self.digest = digest
        self.refs = dict(refs or {})
        self.notes = list(notes)


def content_digest(files: Mapping[str, FileRecord]) -> str:
    """Compute the digest of a folder's content from the names and the SHA-256 of its files."""
    return hashing.of_value({name: record.sha256 for name, record in files.items()})


def now() -> datetime:
    """Return the current time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def newest(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Sort manifests, the newest first: by number; those without, which are older, by time."""
    return sorted(manifests, key=lambda manifest: (manifest.number, manifest.made_at), reverse=True)
