"""A photo that must go: where it came from, what was made with it, and how it is kept out from now on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import hexdigits

from configs.schema import STAGE_NAMES
from flows import preflight
from flows.maintenance.prune import remove, unfinished
from tasks.crawl import blocklist
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.stage import LEDGER
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, Manifest
from tasks.store.shards import Shard
from tasks.store.store import Store
from tasks.train.warm_start import TRAINED_ON


@dataclass(frozen=True)
class Traces:
    """All that a data folder has of a photo."""

    what: str
    """As the user named it: a URL, a path or a SHA-256."""
    sha256s: frozenset[str]
    places: frozenset[str]
    """URLs and paths at which it was found."""
    files: tuple[Path, ...]
    made: tuple[Manifest, ...]
    """Artifacts that were made with it, in the order of the stages."""
    shards: tuple[Path, ...]
    """Files of pools with a row that was computed from it."""


def find_traces(store: Store, what: str) -> Traces:
    """Look a photo up; raises UserError if `what` is neither stored nor anything that could be."""
    ledger = store.pools("crawl") / LEDGER
    sha256s: set[str] = {what.lower()} if _is_sha256(what) else set()
    places: set[str] = set()
    if ledger.exists():
        with Ledger(ledger, store.photos) as known:
            found, places = known.locations_of(what.lower() if sha256s else what)
            sha256s |= found
    found, urls = _in_crawls(store, {what, *sha256s})
    sha256s, places = sha256s | found, places | urls
    files = tuple(path for sha256 in sorted(sha256s) for path in sorted(store.photos.glob(f"*/*{sha256}.*")))
    if not places and not sha256s and not _is_url(what):
        raise UserError(f"{what!r} is not in {ledger}; give the photo's URL or SHA-256, as photos.parquet has them")
    return Traces(
        what,
        frozenset(sha256s),
        frozenset(places),
        files,
        tuple(_made_with(store, sha256s)),
        tuple(_shards(store, sha256s)),
    )


def forget(store: Store, traces: Traces, *, purge: bool = False) -> None:
    """Delete a photo, and keep it out of all later crawls, by its SHA-256 and by the URLs where it was found.

    purge: also delete the artifacts and the shards that were made with it, and all trainings that did not end; they are
    made again, without it, when they are needed. Refuses while a run is under way.
    """
    with preflight.in_use(store.root, alone=True):
        urls = {place for place in {traces.what, *traces.places} if _is_url(place)}
        blocklist.add(store.root, traces.sha256s | urls)  # first: whatever happens then, it doesn't come back
        for path in traces.files:
            path.unlink(missing_ok=True)
        if (ledger := store.pools("crawl") / LEDGER).exists():
            with Ledger(ledger, store.photos) as known:
                known.forget(traces.sha256s, traces.places | urls)
        if purge:
            for manifest in traces.made:
                remove(store.folder(manifest.artifact))
            for path in (*traces.shards, *unfinished(store)):
                remove(path)


def _made_with(store: Store, sha256s: set[str]) -> Iterator[Manifest]:
    """Crawls that have a photo, and all below them; but of a filter that rejected it, only the filter itself."""
    tainted: set[Artifact] = set()
    for stage in STAGE_NAMES:
        for manifest in store.manifests(stage):
            direct = stage == "crawl" and any(Path(file).stem in sha256s for file in manifest.refs)
            if stage == "train":  # it may have begun from one that had it
                direct = not sha256s.isdisjoint(_photos(store.folder(manifest.artifact) / TRAINED_ON, sha256s))
            if direct or tainted.intersection(manifest.cache_key.parents.values()):
                yield manifest
                if stage != "filter" or _keeps(store.folder(manifest.artifact), sha256s):
                    tainted.add(manifest.artifact)


def _in_crawls(store: Store, named: set[str]) -> tuple[set[str], set[str]]:
    """SHA-256 and URLs of photos that crawls have under these names: the ledger may have been begun again since."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sha256s, urls = set(), set()
    for manifest in store.manifests("crawl"):
        try:
            rows = pq.read_table(store.folder(manifest.artifact) / "photos.parquet", columns=["photo", "url"])
        except (OSError, pa.ArrowException):  # damaged: the next run makes it again
            continue
        pairs = list(zip(rows["photo"].to_pylist(), rows["url"].to_pylist(), strict=True))
        here = {photo for photo, url in pairs if photo in named or url in named}
        sha256s |= here
        urls |= {url for photo, url in pairs if photo in here and url}
    return sha256s, urls


def _keeps(folder: Path, sha256s: set[str]) -> bool:
    """Whether a filter's artifact keeps any of these photos; yes if it is damaged, so that nothing is overlooked."""
    return not sha256s.isdisjoint(_photos(folder / "kept.parquet", sha256s))


def _photos(table: Path, otherwise: set[str]) -> set[str]:
    """The column photo of a table; if it can't be read, what else to take them for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(pq.read_table(table, columns=["photo"])["photo"].to_pylist())
    except (OSError, pa.ArrowException):
        return otherwise


def _shards(store: Store, sha256s: set[str]) -> Iterator[Path]:
    for path in sorted((store.root / "pools").rglob("*.npy")):
        shard = Shard.read(path)
        # a row that was computed from a tile is called by its photo and by the tile's digest
        if shard and not sha256s.isdisjoint(name.partition("-")[0] for name in shard.photos):
            yield path


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))  # a malformed one must be forgotten, too


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= set(hexdigits)
