"""A stage: its name, version and folder function; and how its artifact is had, from the store or by building it."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.schema import Section, StageName
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, CacheKey, Manifest, Result
from tasks.store.progress import Progress, silent
from tasks.store.store import Store

logger = logging.getLogger("fluke.stage")


@dataclass(frozen=True)
class Stage:
    """One of the pipeline's seven steps, as its module declares it."""

    name: StageName
    version: int
    """Raised by whoever changes the stage's code such that old results are no longer right."""
    build: Callable[..., Result]
    """The folder function: `build(config, parent folders by name ..., context=StageContext) -> Result`."""
    external_inputs: Callable[[Any, Path], Mapping[str, str | int]] | None = None
    """`external_inputs(config, data folder)`: what it reads besides its config and its parents; part of its key."""
    dynamic_modules: Callable[[Any], Sequence[str]] | None = None
    """The modules that the stage finds by names in its config, if any; they count as part of the stage's code."""
    accept_stale: Callable[..., str | None] | None = None
    """`accept_stale(config, candidate folder, parent folders by name ...)`: why an older artifact of the same config
    will do although the parents have changed, or None."""

    view: Callable[..., None] | None = None
    """`view(config, artifact folder, parent folders by name ..., context=StageContext)`: writes what people look at
    into the artifact's folder, each time that the artifact is asked for. Its files are not part of the artifact, so
    they may be written again, with other settings or another text."""
    view_settings: frozenset[str] = frozenset()
    """Settings that only the view depends on; not part of the key."""

    def cache_key(self, store: Store, config: Section, parents: Mapping[str, Artifact]) -> CacheKey:
        """All that decides the result, for this config and these parents."""
        external_inputs = self.external_inputs(config, store.root) if self.external_inputs else {}
        return CacheKey(
            stage=self.name,
            version=self.version,
            config=config.model_dump(mode="json", exclude=set(self.view_settings)),
            parents=dict(parents),
            external_inputs=dict(external_inputs),
        )

    def source(self, config: Section) -> str:
        """Digest of the stage's code as it is now."""
        return hashing.of_source(self.build.__module__, *(self.dynamic_modules(config) if self.dynamic_modules else []))


@dataclass(frozen=True)
class Outcome:
    """An artifact and how it was had."""

    artifact: Artifact
    cached: bool
    why: str
    manifest: Manifest


def find(
    store: Store, stage: Stage, cache_key: CacheKey, config: Section, *, verify: bool = False, repair: bool = False
) -> tuple[Artifact | None, str]:
    """The stored artifact that serves a recipe, and why it does; None if there is none. See `Store.valid`."""
    found = store.find(cache_key, verify=verify, repair=repair)
    if found:
        return found, "nothing that it depends on has changed"
    if stage.accept_stale:
        folders = {name: store.folder(parent) for name, parent in cache_key.parents.items()}
        for manifest in store.manifests(stage.name):
            same = (cache_key.version, cache_key.config) == (manifest.cache_key.version, manifest.cache_key.config)
            folder = store.folder(manifest.artifact)
            why = stage.accept_stale(config, folder, **folders) if same else None
            if why and store.valid(folder, verify=verify, repair=repair):
                return manifest.artifact, why
    return None, ""


@dataclass(frozen=True)
class Run:
    """One execution of the pipeline: where it keeps things and what it was asked to do over."""

    store: Store
    executor: Executor
    fresh: Collection[str] = ()
    """Stages to build even if the store has their artifact."""
    verify: bool = False
    """Whether to read every stored file before it is reused, not only look at its size."""
    progress: Progress = field(default=silent)

    def get_or_build(self, stage: Stage, config: Section, **parents: Artifact) -> Outcome:
        """The artifact of a stage: from the store if it has a valid one, else built and published now."""
        cache_key = stage.cache_key(self.store, config, parents)
        folders = {name: self.store.folder(parent) for name, parent in parents.items()}
        with self.store.lock(cache_key):
            outcome = self._find(stage, config, cache_key) or self._build(stage, config, cache_key, folders)
            if stage.view:
                folder = self.store.folder(outcome.artifact)
                stage.view(config, folder, **folders, context=self._context(stage, folder, outcome.manifest.source))
        return outcome

    def _find(self, stage: Stage, config: Section, cache_key: CacheKey) -> Outcome | None:
        if stage.name in self.fresh:
            return None
        found, why = find(self.store, stage, cache_key, config, verify=self.verify, repair=True)
        return self._cached(stage, config, found, why) if found else None

    def _build(self, stage: Stage, config: Section, cache_key: CacheKey, folders: Mapping[str, Path]) -> Outcome:
        source = stage.source(config)

        def build(out: Path) -> Result:
            return stage.build(config, **folders, context=self._context(stage, out, source))

        artifact = self.store.publish(cache_key, source, build)
        return Outcome(artifact, cached=False, why="built", manifest=self.store.manifest(artifact))

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
        )

    def _cached(self, stage: Stage, config: Section, artifact: Artifact, why: str) -> Outcome:
        manifest = self.store.manifest(artifact)
        if manifest.source != stage.source(config):
            logger.warning(
                "%s: its code has changed since %s was made; if the change matters, run again with --fresh %s, "
                "or raise VERSION in %s",
                stage.name,
                artifact.key,
                stage.name,
                stage.build.__module__,
            )
        return Outcome(artifact, cached=True, why=why, manifest=manifest)
