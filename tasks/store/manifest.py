"""The manifest of an artifact: its inputs, its files, and a check that the files are intact."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.paths import check_inside, inside, shown

NAME = "manifest.json"

_REF_FOLDERS = ("photos/", "pools/")
"""Where the files are that artifacts share. `--verify` sets damaged ones aside, so a ref leads nowhere else."""


def _relative(name: str) -> str:
    check_inside(name)
    return name


def _shared(name: str) -> str:
    if not name.startswith(_REF_FOLDERS):
        raise ValueError(f"{shown(name)} is neither in photos nor in pools")
    return _relative(name)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
"""The name of one file or folder, as the store chooses it."""
RelativePath = Annotated[str, AfterValidator(_relative)]
"""The path of a file below a folder, see `paths.inside`."""
Number = Annotated[int, Field(ge=-(2**63), lt=2**63)] | Annotated[float, Field(allow_inf_nan=False)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)


class Artifact(_Record):
    """A reference to the output of a stage; stages pass nothing else to each other."""

    stage: Name
    key: Name
    """Name of its folder: the digest of its cache key, with `-2`, `-3` ... if it was built again."""
    digest: str
    """Digest of its content; the cache keys of later stages include it."""


class FileRecord(_Record):
    """Size and SHA-256 of a file at the time when the artifact was published."""

    bytes: Annotated[int, Field(ge=0, lt=2**63)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Compute the record of a file."""
        return cls(bytes=path.stat().st_size, sha256=hashing.of_file(path))

    def has_size(self, path: str) -> bool:
        """Return whether there is such a file with this size."""
        try:
            found = os.stat(path)  # noqa: PTH116 - making a path takes longer
        except (OSError, ValueError):
            return False
        return found.st_size == self.bytes and stat.S_ISREG(found.st_mode)

    def problem(self, path: Path, *, verify: bool) -> str | None:
        """Describe what is wrong with the file now; None if it is intact.

        Args:
            path: The file.
            verify: Whether to read the content and compare its SHA-256; otherwise only the size is compared.
        """
        try:
            found = path.stat()
        except FileNotFoundError:
            return f"{path} is missing"
        except PermissionError:
            raise
        except OSError as error:  # a file instead of a folder, a link to itself
            return f"{path} can't be read ({os.strerror(error.errno or 0).lower()})"
        if not stat.S_ISREG(found.st_mode):  # such as a pipe, which would never end
            return f"{path} is not a file"
        if found.st_size != self.bytes:
            return f"{path} has {found.st_size:,} bytes instead of {self.bytes:,}"
        if verify and hashing.of_file(path) != self.sha256:
            return f"{path} has changed"
        return None


class CacheKey(_Record):
    """Everything that determines the result of a stage; its digest is the artifact's key."""

    stage: Name
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


class ManifestHead(_Record):
    """A manifest without the files outside its folder: of those there may be a million, and few readers need them."""

    model_config = ConfigDict(extra="ignore")

    number: int = 0
    """Of two artifacts, the one with the higher number is newer, whatever the clock said, see `counter`; 0: made by a
    version without numbers. It comes first in the file, where `counter` reads it."""
    artifact: Artifact
    cache_key: CacheKey = Field(alias="recipe")  # the name on disk: existing artifacts stay valid
    counts: dict[str, Number]
    files: dict[RelativePath, FileRecord]
    """Its own files, by path relative to its folder."""
    source: str
    """Digest of the stage's code."""
    notes: tuple[str, ...] = ()
    """What the user gave that is not used as given, see `StageContext.warn`."""
    made_at: AwareDatetime
    seconds: Annotated[float, Field(allow_inf_nan=False)]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read it from an artifact's folder.

        Raises:
            FileNotFoundError: There is none.
            NotADirectoryError: The folder is a file.
            ValueError: It is damaged, or names files outside the data folder, or is the manifest of another artifact.
        """
        return cls.parse(read_regular(folder / NAME), folder)

    @classmethod
    def parse(cls, data: bytes, folder: Path) -> Self:
        """Read the content of a manifest that is in an artifact's folder.

        Raises:
            ValueError: It is damaged, or names files outside the data folder, or is the manifest of another artifact.
        """
        path = folder / NAME
        try:
            manifest = cls.model_validate_json(data)
        except ValidationError as error:
            raise ValueError(f"{path} is damaged ({first_problem(error)})") from error
        here, stage = manifest.artifact.key, manifest.artifact.stage
        digest = here.split("-")[0]
        if (here, stage, stage, digest) != (
            folder.name,
            folder.parent.name,
            manifest.cache_key.stage,
            manifest.cache_key.digest,
        ):
            raise ValueError(f"{path} is damaged (it is the manifest of another artifact, {stage} {here})")
        return manifest


class Manifest(ManifestHead):
    """The manifest of an artifact.

    It is written last: a folder without a valid manifest counts as no artifact.
    """

    model_config = ConfigDict(extra="forbid")

    refs: dict[Annotated[str, AfterValidator(_shared)], FileRecord]
    """Files outside its folder that it needs (photos, shards), by path relative to the data folder."""

    def write(self, folder: Path) -> None:
        """Write it into the folder atomically."""
        atomic_write(folder / NAME, self.encoded())

    def encoded(self) -> bytes:
        """Return the content of its file."""
        return self.model_dump_json(indent=1).encode()

    def problems(self, folder: Path, root: Path, *, verify: bool) -> Iterator[tuple[Path, str]]:
        """Yield each missing or damaged file with a description of the problem.

        Args:
            folder: The artifact's folder.
            root: The data folder.
            verify: Whether to compare contents, not only sizes.
        """
        for home, records in ((folder, self.files), (root, self.refs)):
            for name, record in records.items():
                if not verify and record.has_size(f"{home}/{name}"):
                    continue  # there may be a million photos, and paths take longer than looking at the files
                path = inside(home, name)
                if problem := record.problem(path, verify=verify):
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


def read_regular(path: Path) -> bytes:
    """Read a file, but not a pipe or a device, which may have no end.

    Raises:
        OSError: It is missing or can't be read.
        ValueError: It isn't a file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{path} is not a file")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise
    except OSError as error:
        raise ValueError(f"{path} can't be read ({os.strerror(error.errno or 0).lower()})") from error


def first_problem(error: ValidationError) -> str:
    """Say in one line what is wrong with a value that doesn't fit its model."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ": ".join(str(part) if isinstance(part, int) else shown(part)[1:-1] for part in first["loc"][:3])
    return f"{place}: {first['msg']}" if place else first["msg"]


def now() -> datetime:
    """Return the current time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def newest(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Sort manifests, the newest first: by number; those without, which are older, by time."""
    return sorted(manifests, key=lambda manifest: (manifest.number, manifest.made_at), reverse=True)
