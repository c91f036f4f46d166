"""Copy a run from one place to another: its record, its artifacts with all that they were made from, and its memories.

Photos and shards come first, then artifacts, each with its manifest last and after its parents, then the record. A copy
that is killed leaves nothing that looks finished, and the same command copies the rest.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.request import url2pathname

from flows.models.find import find_run
from flows.models.registry import Registry
from flows.moving import memories
from flows.moving.bucket import Bucket
from flows.moving.folder import Folder
from flows.moving.place import Place, artifact_path
from flows.run_records import RunRecord
from tasks.crawl import blocklist
from tasks.split_reference import SplitReference
from tasks.store.bucket.blobs import MissingError
from tasks.store.bucket.connect import connect, is_url, require_lasting
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, FileRecord, Manifest
from tasks.store.progress import Progress, silent
from tasks.tables.filter import MEMORY

_THREADS = 16
_COPIED = "copied"
"""What the record of a copied run says in place of the decision about its model, which was made for another place."""


@dataclass
class Copied:
    """What was copied."""

    run: str
    """The ID of the run."""
    files: int = 0
    bytes: int = 0
    present: int = 0
    """Files that the target had already."""
    notes: list[str] = field(default_factory=list)
    """What the user must know, a line each."""


def place_of(text: str) -> Place:
    """Return the place with a path or URL; `file:///path` is a folder.

    Raises:
        UserError: It is neither a folder nor the URL of a bucket.
    """
    if text.startswith("file:///"):
        return Folder(Path(url2pathname(text.removeprefix("file://"))))
    return Bucket(connect(require_lasting(text))) if is_url(text) else Folder(Path(text))


def copy_run(
    source: Place, target: Place, run: str | None, *, photos: bool = True, progress: Progress = silent
) -> Copied:
    """Copy a run with all that it needs; what the target has already isn't copied again.

    Args:
        source: The place that has it.
        target: The place to copy it to.
        run: As in `find_run`; None: the champion of the only name.
        photos: Whether to copy the photos of its crawl.
        progress: Shows the files.

    Raises:
        UserError: There is no such run, the source lacks a file of it, or the target has something else in its place.
    """
    if source.name == target.name:
        raise UserError(f"{source.name}: source and target are the same; name another folder or prefix")
    with source.opened(writes=False) as there, target.opened(writes=True) as here:
        record = find_run(there, run)
        manifests = _trace(source, [stage.artifact for stage in record.stages])
        for manifest in manifests:
            _check_same(manifest, target)
        done = Copied(record.id)
        memories.copy_blocklist(there, here)
        for reference in _split_references(source, manifests):
            memories.copy_split_memory(reference, there, here, name=target.name)
        done.notes += memories.copy_decisions(there, here, name=target.name)
        refs = _refs(manifests, photos=photos, without=blocklist.read(here))
        for files in (refs, _descriptions(source, refs)):
            _copy_files(source, target, files, done, progress)
        new = [manifest for manifest in manifests if target.manifest(manifest.artifact) is None]
        own = {
            f"{artifact_path(manifest.artifact)}/{name}": file
            for manifest in new
            for name, file in manifest.files.items()
        }
        views = {path: file for manifest in new for path, file in source.view(manifest).items()}
        _copy_files(source, target, own, done, progress)
        _copy_files(source, target, views, done, progress, listed=False)
        for manifest in new:
            target.receive_manifest(manifest)
        if not photos:
            done.notes.append("without photos, the crawl and what it gives count as missing in a run there")
        _save_record(record, source, here)
        if (champion := Registry(here, record.model_name).champion()) != record.id:
            done.notes.append(
                f"{target.name} uses the model of run {champion}; there, `fluke promote {record.id}` uses this one"
            )
    return done


def _trace(source: Place, artifacts: list[Artifact]) -> list[Manifest]:
    """Return the manifests of artifacts and of all that they were made from, parents first."""
    found: dict[str, Manifest] = {}

    def add(artifact: Artifact) -> None:
        path = artifact_path(artifact)
        if path in found:
            return
        manifest = source.manifest(artifact)
        if manifest is None or manifest.artifact != artifact:
            raise UserError(
                f"{source.name}: {path} of this run is missing or damaged; run the preset again, and name the new run"
            )
        for parent in manifest.cache_key.parents.values():
            add(parent)
        found[path] = manifest

    for artifact in artifacts:
        add(artifact)
    return list(found.values())


def _check_same(manifest: Manifest, target: Place) -> None:
    """Raise UserError if the target has another build of an artifact under the same key."""
    theirs = target.manifest(manifest.artifact)
    if theirs is not None and theirs.artifact != manifest.artifact:
        raise UserError(
            f"{target.name} has another build of {artifact_path(manifest.artifact)}, which its runs need; name another "
            "folder or prefix"
        )


def _split_references(source: Place, manifests: list[Manifest]) -> Iterator[SplitReference]:
    for manifest in manifests:
        if MEMORY.name in manifest.files and manifest.artifact.stage == "filter":
            path = f"{artifact_path(manifest.artifact)}/{MEMORY.name}"
            with source.local(path, manifest.files[MEMORY.name]) as found:
                yield SplitReference.model_validate_json(found.read_bytes())


def _refs(manifests: list[Manifest], *, photos: bool, without: frozenset[str]) -> dict[str, FileRecord]:
    """Return the photos and shards that artifacts refer to; without photos that were forgotten."""
    refs = {path: record for manifest in manifests for path, record in manifest.refs.items()}
    return {
        path: record
        for path, record in refs.items()
        if not path.startswith("photos/") or (photos and record.sha256 not in without)
    }


def _descriptions(source: Place, refs: Iterable[str]) -> dict[str, FileRecord]:
    """Return the files that describe shards; without its description, a shard counts as missing."""
    paths = [str(PurePosixPath(path).with_suffix(".json")) for path in refs if path.endswith(".npy")]
    return {path: record for path in paths if (record := source.record(path))}


def _copy_files(
    source: Place,
    target: Place,
    files: dict[str, FileRecord],
    done: Copied,
    progress: Progress,
    *,
    listed: bool = True,
) -> None:
    """Copy files, several at a time; those of pools and photos only if the target lacks them."""
    missing = {
        path: record for path, record in files.items() if path.startswith("artifacts/") or not target.has(path, record)
    }
    done.present += len(files) - len(missing)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="fluke") as pool, progress("files", len(missing)) as advance:
        copies = [pool.submit(target.receive, path, record, source, listed=listed) for path, record in missing.items()]
        try:
            for copy, (path, record) in zip(copies, missing.items(), strict=True):
                try:
                    copy.result()
                except MissingError as error:
                    if not path.startswith("photos/"):
                        raise
                    raise UserError(
                        f"{source.name} lacks photo {path}, such as after a copy without photos; `--no-photos` copies "
                        "all else"
                    ) from error
                advance(1)
                done.files += 1
                done.bytes += record.bytes
        finally:
            for copy in copies:
                copy.cancel()


def _save_record(record: RunRecord, source: Place, root: Path) -> None:
    """Write the record, unless it is there. The decision about its model was made for another place."""
    if (root / "runs" / f"{record.id}.json").exists():
        return
    if record.decision not in ("", _COPIED):
        record.reason = f"from {source.name}, where it was {record.decision}: {record.reason}"
    record.decision = _COPIED
    record.save(root)
