"""Measure the evaluate stage with a real network: the last evaluation below $FLUKE_DATA is made again.

    FLUKE_DATA=... .venv/bin/python benchmarks/evaluate_again.py [REPEATS]     (default: 3)

Each repeat is a process of its own, which imports Keras before the clock of the stage starts, because a run has
imported it by then. The new evaluations are stored there, too; `fluke prune` deletes them.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks.measure import run
from configs.schema import EvaluateConfig
from flows.run_records import data_root
from tasks.store.store import Store


def evaluate(root: Path) -> None:
    """Make the last evaluation again, with the default settings of the view, and print the seconds."""
    import keras  # noqa: F401

    from tasks.evaluate.stage import STAGE
    from tasks.store.stage import Run

    store = Store(root)
    last = store.manifests("evaluate")[0].cache_key
    began = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = Run(store, pool, fresh=["evaluate"]).get_or_build(
            STAGE, EvaluateConfig.model_validate(last.config), **last.parents
        )
    print(f"{made.manifest.counts['test photos']:,} photos tested in {time.monotonic() - began:.1f} s", file=sys.stderr)


def main() -> None:
    root = data_root()
    repeats = int(sys.argv[1]) if sys.argv[1:] else 3
    costs = [run([sys.executable, __file__, "again"], root) for _ in range(repeats)]
    print(f"the process: {median(cost.seconds for cost in costs):.1f} s, {max(cost.peak_mb for cost in costs):,.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:] == ["again"]:
        evaluate(data_root())
    else:
        main()
