"""Remove a photo: find where it came from and what was made from it, delete it, and exclude it from later crawls."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import hexdigits

from configs.redact import strip_login
from configs.schema import STAGE_NAMES
from flows import preflight
from flows.maintenance.prune import delete_item, trials
from flows.models import test_list
from tasks.crawl import blocklist
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.stage import LEDGER
from tasks.filter.memory import split_memory
from tasks.store import hashing
from tasks.store.bucket import copies
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, Manifest
from tasks.store.paths import remove
from tasks.store.shards import Shard
from tasks.store.store import Store
from tasks.tables.crawl import PHOTOS
from tasks.tables.filter import ABSENT, KEPT, REMOVED
from tasks.tables.train import TRAINED_ON


@dataclass(frozen=True)
class Traces:
    """Everything in a data folder that comes from one photo."""

    photo: str
    """As the user named it: a URL, a path or a SHA-256."""
    sha256s: frozenset[str]
    locations: frozenset[str]
    """URLs and paths where it was found."""
    files: tuple[Path, ...]
    elsewhere: tuple[Path, ...]
    """Where its files would be that only the bucket has."""
    artifacts: tuple[Manifest, ...]
    """Manifests of the artifacts that were made from it, in the order of the stages."""
    shards: tuple[Path, ...]
    """Shard files with a row that was computed from it."""


def find_traces(store: Store, photo: str) -> Traces:
    """Find a photo by its URL, path or SHA-256.

    Raises:
        UserError: The photo is not stored, and `photo` is neither a SHA-256 nor a URL nor a file.
    """
    ledger = store.pools("crawl") / LEDGER
    sha256s: set[str] = {photo.lower()} if _is_sha256(photo) else _of_file(photo)
    locations: set[str] = set()
    if ledger.exists():
        with Ledger(ledger, store.photos) as known:
            for name in {*sha256s} if _is_sha256(photo) else {photo, strip_login(photo), *sha256s}:
                found, places = known.locations_of(name)
                sha256s, locations = sha256s | found, locations | places
    found, urls = _in_crawls(store, {photo, strip_login(photo), *sha256s})
    # Names of files are made from them, so nothing else may be among them, whatever a table says.
    sha256s, locations = {each for each in sha256s | found if _is_sha256(each)}, locations | urls
    files = tuple(path for sha256 in sorted(sha256s) for path in sorted(store.photos.glob(f"*/*{sha256}.*")))
    elsewhere = tuple(path for path in sorted(copies.photos_elsewhere(store.root)) if path.stem in sha256s)
    if not locations and not sha256s and not _is_url(photo):
        raise UserError(
            f"{photo!r} is not in {ledger}; give the photo's file, or its URL or SHA-256, as in {PHOTOS.name}"
        )
    return Traces(
        photo,
        frozenset(sha256s),
        frozenset(locations),
        files,
        elsewhere,
        tuple(_made_from(store, sha256s)),
        tuple(_shards(store, sha256s)),
    )


def _of_file(photo: str) -> set[str]:
    """Return the SHA-256 of the user's file of that name; none if there is no such file."""
    try:
        path = Path(photo).expanduser()
        return {hashing.of_file(path)} if path.is_file() else set()
    except (OSError, ValueError, RuntimeError):  # not a path: a URL that is too long, a home folder of nobody
        return set()


def forget(store: Store, traces: Traces, *, purge: bool = False) -> None:
    """Delete a photo, and exclude it from all later crawls, by its SHA-256 and by the URLs where it was found.

    It leaves the test lists, too. If it is interrupted, the same call with what `find_traces` finds deletes the rest.

    Args:
        store: The store that contains it.
        traces: What `find_traces` found.
        purge: Also delete the artifacts and shards that were made from it, and the trials of all trainings; the next
            run builds them again without it. The memories of the splits lose its row, too; without this, they keep it,
            so that a copy of a tested photo is still not trained on.

    Raises:
        UserError: A run is using the data folder, or a memory or a test list is damaged.
    """
    with preflight.in_use(store.root, exclusive=True):
        if copy := copies.of(store.root):
            copy.forget(traces.sha256s)
        found = {traces.photo, *traces.locations}
        urls = {strip_login(location) for location in found if _is_url(location)}
        # Block it first, so that it doesn't come back even if the rest is interrupted.
        blocklist.add(store.root, traces.sha256s | urls)
        for path in traces.files:
            remove(store.root, path)
        test_list.forget(store.root, traces.sha256s)
        if purge:
            for manifest in reversed(traces.artifacts):
                delete_item(store.root, store.folder(manifest.artifact))
            for path in (*traces.shards, *trials(store)):
                delete_item(store.root, path)
            # After the results that were made with it: a memory must not be older than they are.
            split_memory.forget(store.root, traces.sha256s)
        # Last: it knows the photo by its URL and path, so that the same command finds the rest if it is interrupted.
        if (ledger := store.pools("crawl") / LEDGER).exists():
            with Ledger(ledger, store.photos) as known:
                known.forget(traces.sha256s, traces.locations | urls)


def _made_from(store: Store, sha256s: set[str]) -> Iterator[Manifest]:
    """Yield crawls that contain a photo and all artifacts made from them; after a filter that rejected it, nothing."""
    contains_it: set[Artifact] = set()
    for stage in STAGE_NAMES:
        for manifest in store.manifests(stage):
            direct = stage == "crawl" and any(Path(file).stem in sha256s for file in manifest.refs)
            if stage == "filter":  # it may name the photo among those that have left the crawl
                direct = not sha256s.isdisjoint(_photos(ABSENT.path(store.folder(manifest.artifact)), set()))
            if stage == "train":  # it may have started from a classifier that was trained on it
                direct = not sha256s.isdisjoint(_photos(TRAINED_ON.path(store.folder(manifest.artifact)), sha256s))
            if direct or contains_it.intersection(manifest.cache_key.parents.values()):
                yield manifest
                if stage != "filter" or _keeps(store.folder(manifest.artifact), sha256s):
                    contains_it.add(manifest.artifact)


def _in_crawls(store: Store, named: set[str]) -> tuple[set[str], set[str]]:
    """Return SHA-256s and URLs of the photos with these names in crawl artifacts: the crawl's ledger may be newer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sha256s, urls = set(), set()
    for manifest in store.manifests("crawl"):
        try:
            rows = pq.read_table(PHOTOS.path(store.folder(manifest.artifact)), columns=["photo", "url"])
        except (OSError, pa.ArrowException):  # damaged: the next run builds it again
            continue
        columns = zip(rows["photo"].to_pylist(), rows["url"].to_pylist(), strict=True)
        pairs = [(photo, url) for photo, url in columns if isinstance(photo, str) and isinstance(url, str | None)]
        here = {photo for photo, url in pairs if photo in named or url in named}
        sha256s |= here
        urls |= {url for photo, url in pairs if photo in here and url}
    return sha256s, urls


def _keeps(folder: Path, sha256s: set[str]) -> bool:
    """Return whether later stages use any of these photos; True if the filter's artifact is damaged, to miss nothing.

    They use the kept photos and those that are only scored apart. Filters of earlier versions list none of the latter.
    """
    tables = [table.path(folder) for table in (KEPT, REMOVED) if table is KEPT or table.path(folder).exists()]
    return any(not sha256s.isdisjoint(_photos(table, sha256s)) for table in tables)


def _photos(table: Path, if_damaged: set[str]) -> set[str]:
    """Return the column photo of a table, or `if_damaged` if the table can't be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(pq.read_table(table, columns=["photo"])["photo"].to_pylist())
    except (OSError, pa.ArrowException):
        return if_damaged


def _shards(store: Store, sha256s: set[str]) -> Iterator[Path]:
    for description in sorted((store.root / "pools").rglob("*.json")):
        path = description.with_suffix(".npy")
        shard = Shard.read(path)
        # The name of a row that was computed from a tile is <photo>-<digest of the tile>.
        if shard and not sha256s.isdisjoint(name.partition("-")[0] for name in shard.photos):
            yield path


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))  # malformed URLs must be removable, too


def _is_sha256(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and set(text) <= set(hexdigits)
