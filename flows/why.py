"""Why a run would reuse or rebuild a stage: which setting, parent, photo count or version changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from configs.schema import Config, Section, StageName
from flows.pipeline import stages
from tasks.store import source_code
from tasks.store.manifest import Artifact, CacheKey, Manifest
from tasks.store.stage import Stage, find
from tasks.store.store import Store


class _MissError(Exception):
    """Ends the walk through the stages at the first that isn't in the store."""


def explain(store: Store, config: Config, name: StageName) -> list[str]:
    """Return lines that say whether a run with this config would reuse or rebuild a stage, and why. Builds nothing."""
    lines: list[str] = []

    def get_or_build(stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        source_code.keep_in(store.root)
        cache_key = stage.cache_key(store, section, parents)
        found, why = find(store, stage, cache_key, section)
        if found:
            manifest = store.manifest(found)
            if stage.name == name:
                lines.append(f"{name} is in the store: {why}")
                lines.append(
                    f"built {manifest.made_at:%Y-%m-%d %H:%M} UTC in {manifest.seconds:.1f} s: {store.folder(found)}"
                )
                if manifest.source != stage.source(section):
                    lines.append(f"its code has changed since then; --fresh {name} builds it again")
            return found
        lines.append(f"{stage.name} would be built: {miss_reason(store, cache_key)}")
        if stage.name != name:
            lines.append(f"{name} depends on it, and would be built if the result of {stage.name} changes")
        raise _MissError

    try:
        for artifact in stages(config, get_or_build):
            if artifact.stage == name:
                break
    except _MissError:
        pass
    return lines


def miss_reason(store: Store, cache_key: CacheKey) -> str:
    """Say how a cache key that is not in the store differs from the most similar one of the same stage."""
    candidates = [
        (list(differences(store, manifest.cache_key, cache_key)), manifest)
        for manifest in store.manifests(cache_key.stage)
    ]
    if not candidates:
        return "it was never built"
    changes, manifest = min(candidates, key=lambda candidate: len(candidate[0]))
    if not changes:
        return f"the stored artifact is damaged: {store.folder(manifest.artifact)}"
    return f"compared with {manifest.artifact.key} of {manifest.made_at:%Y-%m-%d %H:%M} UTC, " + "; ".join(changes)


def differences(store: Store, old: CacheKey, new: CacheKey) -> Iterator[str]:
    """Describe each difference between two cache keys of the same stage."""
    if old.version != new.version:
        yield f"VERSION changed from {old.version} to {new.version}"
    for change in _changes(old.config, new.config, f"{new.stage}."):
        yield f"setting {change}"
    for name in sorted(old.external_inputs.keys() | new.external_inputs.keys()):
        was, now = old.external_inputs.get(name), new.external_inputs.get(name)
        if was != now:
            counted = isinstance(was, int) and isinstance(now, int)
            yield f"external input {name} changed" + (f" from {was:,} to {now:,}" if counted else "")
    for name in sorted(old.parents.keys() | new.parents.keys()):
        before, after = old.parents.get(name), new.parents.get(name)
        if before is None or after is None:
            yield f"{name} was {'added' if after else 'removed'}"
        elif before.digest != after.digest:
            counts = "; ".join(_changes(_counts(store, before), _counts(store, after), ""))
            yield f"the result of {after.stage} changed" + (f" ({counts})" if counts else "")


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _changes(was, now, f"{prefix}{name}.")
        elif was != now:
            yield f"{prefix}{name} changed from {_short(was)} to {_short(now)}"


def _short(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _counts(store: Store, artifact: Artifact) -> dict[str, int | float]:
    try:
        return Manifest.read(store.folder(artifact)).counts
    except (FileNotFoundError, ValueError):  # pruned since
        return {}
