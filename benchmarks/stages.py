"""Time and peak memory of each stage on real photos.

    .venv/bin/python benchmarks/stages.py FOLDER [SETTING=VALUE ...]

Each stage runs in a process of its own (`fluke stage`), with all above it cached; the memory is that process's peak,
the seconds are the stage's own, from its manifest, and the whole process's.
"""

import sys

from measure import FLUKE, run, scratch, server

from configs.schema import STAGE_NAMES
from tasks.store.store import Store


def main() -> None:
    folder, overrides = sys.argv[1], sys.argv[2:]
    print("| stage | holds | stage, s | process, s | peak memory, MB |\n|---|---|---|---|---|")
    with scratch() as data, server(data):
        for stage in STAGE_NAMES:
            cost = run([FLUKE, "stage", stage, "default", f"crawl.path={folder}", *overrides], data)
            manifest = Store(data).manifests(stage)[0]
            holds = ", ".join(f"{value:,.4g} {name}" for name, value in list(manifest.counts.items())[:2])
            print(
                f"| {stage} | {holds} | {manifest.seconds:.1f} | {cost.seconds:.1f} | {cost.peak_mb:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
