"""Why a stage would be taken from the store, or made again: which setting, parent, photo count or version changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from configs.schema import Config, Section, StageName
from flows.pipeline import stages
from tasks.store.manifest import Artifact, CacheKey, Manifest
from tasks.store.stage import Stage, find
from tasks.store.store import Store


class _MissError(Exception):
    """Ends the walk at the first stage that isn't in the store."""


def explain(store: Store, config: Config, name: StageName) -> list[str]:
    """Lines that say what a run with this config would do for a stage, and why. Makes nothing."""
    lines: list[str] = []

    def get_or_build(stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        cache_key = stage.cache_key(store, section, parents)
        found, why = find(store, stage, cache_key, section)
        if found:
            manifest = store.manifest(found)
            if stage.name == name:
                lines.append(f"{name} is in the store: {why}")
                lines.append(
                    f"made {manifest.made_at:%Y-%m-%d %H:%M} UTC in {manifest.seconds:.1f} s: {store.folder(found)}"
                )
                if manifest.source != stage.source(section):
                    lines.append(f"its code has changed since; --fresh {name} would make it again")
            return found
        lines.append(f"{stage.name} would be made: {_reason(store, cache_key)}")
        if stage.name != name:
            lines.append(f"{name} depends on it, and would be made if the result of {stage.name} changes")
        raise _MissError

    try:
        for artifact in stages(config, get_or_build):
            if artifact.stage == name:
                break
    except _MissError:
        pass
    return lines


def _reason(store: Store, cache_key: CacheKey) -> str:
    """What sets a recipe apart from the most similar one in the store."""
    candidates = [
        (list(differences(store, manifest.cache_key, cache_key)), manifest)
        for manifest in store.manifests(cache_key.stage)
    ]
    if not candidates:
        return "it was never made"
    changes, manifest = min(candidates, key=lambda candidate: len(candidate[0]))
    if not changes:
        return f"what there was is damaged: {store.folder(manifest.artifact)}"
    return f"compared with {manifest.artifact.key} of {manifest.made_at:%Y-%m-%d %H:%M} UTC, " + "; ".join(changes)


def differences(store: Store, old: CacheKey, new: CacheKey) -> Iterator[str]:
    """Each way in which one recipe differs from another of the same stage, for people."""
    if old.version != new.version:
        yield f"VERSION went from {old.version} to {new.version}"
    yield from _changes(old.config, new.config, f"{new.stage}.")
    for name in sorted(old.external_inputs.keys() | new.external_inputs.keys()):
        was, now = old.external_inputs.get(name), new.external_inputs.get(name)
        if was != now:
            counted = isinstance(was, int) and isinstance(now, int)
            yield f"its source's {name}" + (f" went from {was:,} to {now:,}" if counted else " changed")
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
            yield f"{prefix}{name} went from {_short(was)} to {_short(now)}"


def _short(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _counts(store: Store, artifact: Artifact) -> dict[str, int | float]:
    try:
        return Manifest.read(store.folder(artifact)).counts
    except (FileNotFoundError, ValueError):  # pruned since
        return {}
