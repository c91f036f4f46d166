"""The tree of a bucket: the files that the data folder has there. A commit changes any number of them at once.

`head.json` names the newest tree. It is replaced on the condition that nobody else has replaced it meanwhile; who comes
second takes the first one's changes over and tries again. So of two writers of one file, one learns of the other.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.store import hashing
from tasks.store.bucket.blobs import Blobs, Packs, Place
from tasks.store.bucket.objects import Generation, Objects
from tasks.store.bucket.problems import BucketError
from tasks.store.manifest import FileRecord, RelativePath, first_problem

KEY = "head.json"
_COMMITS = 50
"""So often a commit is tried if others commit at the same time."""
_PAUSE_S = 0.05
Tree = Mapping[str, FileRecord]
"""The files of a data folder by path. Files of artifacts are not in it, except manifests, which list the others."""
Changes = Mapping[str, FileRecord | None]
"""New records by path; None: the file is gone."""
Same = Callable[[str, FileRecord, FileRecord], bool]
"""`same(path, mine, theirs)`: whether a file that another writer has written meanwhile is as good as mine."""


class _Tree(BaseModel):
    """The content of a tree's blob."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[RelativePath, FileRecord]
    packs: dict[str, Place]


class _Head(BaseModel):
    """The content of head.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    number: Annotated[int, Field(ge=1)]
    """How many commits there were."""
    epoch: Annotated[int, Field(ge=0)]
    """How often blobs were deleted. Who has begun before that may take a deleted blob for stored."""
    tree: FileRecord
    writer: str
    """A random text: no two writers write the same head."""


@dataclass(frozen=True)
class Snapshot:
    """The files of a bucket at one time."""

    files: Tree = field(default_factory=dict)
    number: int = 0
    epoch: int = 0
    generation: Generation | None = None
    """Of head.json; None: there is none yet."""
    tree: str = ""
    """SHA-256 of the tree."""
    packs: Packs = field(default_factory=dict)
    """Where small contents are, see `blobs`."""

    def below(self, prefix: str) -> list[str]:
        """Return the paths that begin with a prefix, sorted."""
        return sorted(path for path in self.files if path.startswith(prefix))


class ConflictError(BucketError):
    """Somebody else has changed the same file at the same time."""


class PrunedError(BucketError):
    """Somebody has deleted files since this process has begun."""


@dataclass(frozen=True)
class Trees:
    """Reads and commits the trees of a bucket."""

    objects: Objects
    blobs: Blobs

    @classmethod
    def of(cls, objects: Objects) -> Self:
        """Open the trees of a bucket."""
        return cls(objects, Blobs(objects))

    def read(self, before: Snapshot | None = None) -> Snapshot:
        """Return the newest state; a tree that `before` has already isn't read again.

        Raises:
            BucketError: The bucket can't be read, or its head or tree is damaged.
        """
        stored = self.objects.state(KEY)
        if stored is None:
            return Snapshot()
        if before and stored.generation == before.generation:
            return before
        head = _decoded(stored.data, f"{self.objects.url}/{KEY}")
        try:
            tree = _Tree.model_validate_json(self.blobs.read(head.tree))
        except ValidationError as error:
            raise BucketError(f"{self.objects.url}: the tree of {KEY} is damaged ({first_problem(error)})") from error
        self.blobs.know_packs(tree.packs)
        return Snapshot(tree.files, head.number, head.epoch, stored.generation, head.tree.sha256, tree.packs)

    def commit(
        self,
        base: Snapshot,
        changes: Changes,
        *,
        same: Same = lambda path, mine, theirs: False,
        keep: Collection[str] | None = None,
    ) -> Snapshot:
        """Change files for all readers at once. Their contents must be stored before.

        Args:
            base: The state that the changes were made from.
            changes: The changes.
            same: Of a file that another writer has changed since `base`, too: whether that change can stay.
            keep: SHA-256 of all contents that stay, if others will be deleted; None: nothing will be.

        Raises:
            ConflictError: Another writer has changed the same file since `base`, to something else.
            PrunedError: Somebody has deleted contents since `base`.
            BucketError: The bucket can't be read or written.
        """
        now = base
        for attempt in range(_COMMITS):
            if attempt:
                time.sleep(_PAUSE_S * attempt)
                now = self.read(now)
            if now.epoch != base.epoch:
                raise PrunedError(
                    f"{self.objects.url}: somebody has deleted files there since this command began (`fluke prune` or "
                    "`fluke forget`); run the same command again: it continues"
                )
            files = self._merged(base, now, changes, same)
            if files == now.files and keep is None:
                return now
            packs = {**now.packs, **self.blobs.new_packs}
            if keep is not None:
                packs = {sha256: place for sha256, place in packs.items() if sha256 in keep}
            content = _Tree.model_construct(files=dict(sorted(files.items())), packs=dict(sorted(packs.items())))
            data = content.model_dump_json().encode()
            tree = FileRecord(bytes=len(data), sha256=hashing.of_bytes(data))
            self.blobs.put(tree, data, ask=False)
            epoch = now.epoch + (keep is not None)
            head = _Head(number=now.number + 1, epoch=epoch, tree=tree, writer=token_hex(8))
            written = self.objects.put_if(KEY, head.model_dump_json().encode(), now.generation)
            if written:
                self.blobs.new_packs.clear()
                self.blobs.know_packs(packs)
                return Snapshot(files, head.number, head.epoch, written, tree.sha256, packs)
        raise BucketError(f"{self.objects.url}/{KEY}: others change it all the time; run the same command again later")

    def _merged(self, base: Snapshot, now: Snapshot, changes: Changes, same: Same) -> dict[str, FileRecord]:
        """Return the files of `now` with the changes."""
        files = dict(now.files)
        for path, record in changes.items():
            theirs = now.files.get(path)
            if theirs not in (base.files.get(path), record):
                if theirs and record and same(path, record, theirs):
                    continue
                raise ConflictError(
                    f"{self.objects.url}: another host has changed {path} at the same time, and its change stays; run "
                    "the same command again"
                )
            if record is None:
                files.pop(path, None)
            else:
                files[path] = record
        return files


def _decoded(data: bytes, place: str) -> _Head:
    try:
        return _Head.model_validate_json(data)
    except ValidationError as error:
        raise BucketError(
            f"{place} is damaged, or of a newer version of fluke ({first_problem(error)}); restore an earlier version "
            "of this object"
        ) from error
