"""A stage of the pipeline, and how a run gets its artifact: from the store, or by building it."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.schema import WHOLE_PATHS, Section, StageName
from tasks.store import compiled, hashing, source_code
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, CacheKey, ManifestHead, Result
from tasks.store.progress import Progress, silent
from tasks.store.store import Store
from tasks.store.work import Workers

logger = logging.getLogger("fluke.stage")


@dataclass(frozen=True)
class Stage:
    """One of the seven stages of the pipeline, as its module declares it."""

    name: StageName
    version: int
    """Increase it when a change of the code makes stored results wrong: they are then built again."""
    build: Callable[..., Result]
    """`build(config, parent folders by name ..., context=StageContext) -> Result`: writes the artifact."""
    external_inputs: Callable[[Any, Path], Mapping[str, str | int]] | None = None
    """`external_inputs(config, data folder)`: what it reads besides config and parents; part of its key."""
    dynamic_modules: Callable[[Any], Sequence[str]] | None = None
    """The modules that the config names, such as a backbone; they count as code of the stage."""
    accept_stale: Callable[..., str | None] | None = None
    """`accept_stale(config, candidate folder, parent folders by name ...)`: why an older artifact of the same
    config can be used although the parents have changed, or None if it can't."""

    view: Callable[..., None] | None = None
    """`view(config, artifact folder, parent folders by name ..., context=StageContext)`: writes what people look at
    into the artifact's folder, each time that the artifact is asked for. Its files are not part of the artifact, so
    they may be written again, with other settings or another text."""
    view_settings: frozenset[str] = frozenset()
    """Settings that only the view depends on; not part of the key."""

    def cache_key(self, store: Store, config: Section, parents: Mapping[str, Artifact]) -> CacheKey:
        """Return the cache key for this config and these parents."""
        external_inputs = self.external_inputs(config, store.root) if self.external_inputs else {}
        return CacheKey(
            stage=self.name,
            version=self.version,
            config=config.model_dump(mode="json", exclude=set(self.view_settings), context=WHOLE_PATHS),
            parents=dict(parents),
            external_inputs=dict(external_inputs),
        )

    def source(self, config: Section) -> str:
        """Compute the digest of the stage's current code."""
        return hashing.of_source(self.build.__module__, *(self.dynamic_modules(config) if self.dynamic_modules else []))


@dataclass(frozen=True)
class Outcome:
    """The artifact of a stage, and whether it was built or found in the store."""

    artifact: Artifact
    cached: bool
    why: str
    manifest: ManifestHead


def find(
    store: Store, stage: Stage, cache_key: CacheKey, config: Section, *, verify: bool = False, repair: bool = False
) -> tuple[Artifact | None, str]:
    """Find a stored artifact for a cache key.

    Args:
        store: The store.
        stage: The stage.
        cache_key: Its cache key.
        config: Its section of the config.
        verify: See `Store.valid`.
        repair: See `Store.valid`.

    Returns:
        The artifact and the reason why it can be used; None and an empty text if there is none.
    """
    found = store.find(cache_key, verify=verify, repair=repair)
    if found:
        return found, "no input has changed"
    if stage.accept_stale:
        folders = {name: store.folder(parent) for name, parent in cache_key.parents.items()}
        for manifest in store.manifests(stage.name):
            theirs = manifest.cache_key
            same = cache_key.model_copy(update={"parents": theirs.parents}) == theirs
            folder = store.folder(manifest.artifact)
            why = stage.accept_stale(config, folder, **folders) if same else None
            if why and store.valid(folder, verify=verify, repair=repair):
                return manifest.artifact, why
    return None, ""


@dataclass(frozen=True)
class Run:
    """One run of the pipeline: its store, its workers and its options."""

    store: Store
    executor: Executor
    fresh: Collection[str] = ()
    """Stages to build even if the store has their artifacts."""
    verify: bool = False
    """Whether to compare the SHA-256 of stored files before they are reused, not only their size."""
    progress: Progress = field(default=silent)
    notes: Sequence[str] = ()
    """What is not used as given, as far as the settings alone tell; the views repeat it."""
    champion: Artifact | None = None
    """The evaluation of the model that is used now, with which a new evaluation compares; it changes no cache key."""
    workers: Workers | None = None
    """Who computes shards; None: the executor."""
    findings: dict[str, list[Any]] = field(default_factory=dict)
    """What is found between the stages, see `StageContext.findings`; it may grow during the run."""

    def get_or_build(self, stage: Stage, config: Section, **parents: Artifact) -> Outcome:
        """Get the artifact of a stage: from the store if it has a valid one, else by building it.

        Args:
            stage: The stage.
            config: Its section of the config.
            parents: The artifacts that it reads, by the name of the parameter of `stage.build`.
        """
        compiled.keep_in(self.store.root)
        source_code.keep_in(self.store.root)
        cache_key = stage.cache_key(self.store, config, parents)
        folders = {name: self.store.folder(parent) for name, parent in parents.items()}
        with self.store.lock(cache_key):
            outcome = self._find(stage, config, cache_key) or self._build(stage, config, cache_key, folders)
            if stage.view:
                folder = self.store.folder(outcome.artifact)
                context = self._context(stage, folder, outcome.manifest.source)
                context.notes.extend(self.notes)
                stage.view(config, folder, **folders, context=context)
        return outcome

    def _find(self, stage: Stage, config: Section, cache_key: CacheKey) -> Outcome | None:
        if stage.name in self.fresh:
            return None
        found, why = find(self.store, stage, cache_key, config, verify=self.verify, repair=True)
        return self._cached(stage, config, found, why) if found else None

    def _build(self, stage: Stage, config: Section, cache_key: CacheKey, folders: Mapping[str, Path]) -> Outcome:
        source = stage.source(config)

        def build(out: Path) -> Result:
            context = self._context(stage, out, source)
            result = stage.build(config, **folders, context=context)
            result.notes += context.notes
            return result

        with self.store.building(cache_key) as is_shared:
            built_meanwhile = self._find(stage, config, cache_key) if is_shared else None
            artifact = built_meanwhile.artifact if built_meanwhile else self.store.publish(cache_key, source, build)
        if built_meanwhile:
            return built_meanwhile
        manifest = self.store.manifest(artifact)
        return Outcome(manifest.artifact, cached=False, why="built", manifest=manifest)

    def _context(self, stage: Stage, out: Path, source: str) -> StageContext:
        return StageContext(
            root=self.store.root,
            out=out,
            pools=self.store.pools(stage.name),
            photos=self.store.photos,
            source=source,
            fresh=stage.name in self.fresh,
            verify=self.verify,
            progress=self.progress,
            executor=self.executor,
            workers=self.workers,
            champion=self.champion,
            findings=self.findings,
        )

    def _cached(self, stage: Stage, config: Section, artifact: Artifact, why: str) -> Outcome:
        manifest = self.store.manifest(artifact)
        if manifest.source != stage.source(config):
            logger.warning(
                "%s: its code has changed since %s was built; if the change affects results, run again with "
                "--fresh %s, or increase VERSION in %s",
                stage.name,
                artifact.key,
                stage.name,
                stage.build.__module__,
            )
        for note in manifest.notes:
            logger.warning("%s", note)
        return Outcome(artifact, cached=True, why=why, manifest=manifest)
