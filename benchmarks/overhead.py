"""Measure the orchestration overhead: the demo with Prefect and the store, against the same functions in plain Python.

    .venv/bin/python benchmarks/overhead.py [REPEATS]     (default: 3; about 2 minutes each)

Both start from an empty data folder in their own process (so each imports TensorFlow), alternately. The server is
running before the clock starts. `plain` calls the functions of the seven stages one after the other, and that of the
report: no Prefect, no store, no locks, no digests of artifacts, no fsync of artifacts.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

from benchmarks.measure import FLUKE, Cost, run, scratch, server
from configs.load import load
from configs.schema import Section
from flows.pipeline import stages
from tasks.store.context import StageContext, executor
from tasks.store.manifest import Artifact, CacheKey, Manifest, now
from tasks.store.stage import Stage


def plain(root: Path) -> None:
    """Run the demo without orchestration."""
    with executor(0) as pool:

        def get_or_build(stage: Stage, section: Section, **parents: Artifact) -> Artifact:
            cache_key = CacheKey(
                stage=stage.name, version=stage.version, config=section.model_dump(mode="json"), parents=parents
            )
            out = root / "artifacts" / stage.name / cache_key.digest
            out.mkdir(parents=True)
            folders = {name: root / "artifacts" / parent.stage / parent.key for name, parent in parents.items()}
            context = StageContext(root, out, root / "pools" / stage.name, root / "photos", executor=pool)
            result = stage.build(section, **folders, context=context)
            artifact = Artifact(stage=stage.name, key=cache_key.digest, digest=result.digest or "")
            Manifest(  # later stages and the report read it
                artifact=artifact,
                cache_key=cache_key,
                counts=result.counts,
                files={},
                refs={},
                source="",
                made_at=now(),
                seconds=0,
            ).write(out)
            if stage.view:
                stage.view(section, out, **folders, context=context)
            return artifact

        list(stages(load("demo"), get_or_build))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repeats", nargs="?", type=int, default=3)
    repeats = parser.parse_args().repeats
    costs: dict[str, list[Cost]] = {"plain": [], "fluke": []}
    for number in range(repeats):
        with scratch() as folder:
            costs["plain"].append(run([sys.executable, __file__, "plain", str(folder / "plain")], folder))
            with server(folder / "fluke"):
                costs["fluke"].append(run([FLUKE, "run", "demo"], folder / "fluke"))
        last = (f"{name} {each[-1].seconds:.1f} s, {each[-1].cpu_s:.1f} CPU s" for name, each in costs.items())
        print(f"{number + 1}: {'; '.join(last)}", flush=True)
    for unit in ("seconds", "cpu_s"):
        plain_s, fluke_s = (statistics.median(getattr(cost, unit) for cost in each) for each in costs.values())
        print(f"median of {unit}: plain {plain_s:.1f}, fluke {fluke_s:.1f}, ratio {fluke_s / plain_s:.3f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["plain"]:
        began = time.monotonic()
        plain(Path(sys.argv[2]))
        print(f"plain: {time.monotonic() - began:.1f} s", file=sys.stderr)
    else:
        main()
