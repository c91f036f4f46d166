"""Measure the time and peak memory of each stage on real photos.

    .venv/bin/python benchmarks/stages.py FOLDER [SETTING=VALUE ...]

Each stage runs in its own process (`fluke stage`), with all stages above it cached. The memory is the peak of that
process. The seconds are those of the stage, from its manifest, and those of the whole process.
"""

import argparse

from benchmarks.measure import FLUKE, run, scratch, server
from configs.schema import STAGE_NAMES
from tasks.store.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE")
    given = parser.parse_args()
    print("| stage | contents | stage, s | process, s | peak memory, MB |\n|---|---|---|---|---|")
    with scratch() as data, server(data):
        for stage in STAGE_NAMES:
            cost = run([FLUKE, "stage", stage, "default", f"crawl.path={given.folder}", *given.settings], data)
            manifest = Store(data).manifests(stage)[0]
            contents = ", ".join(f"{value:,.4g} {name}" for name, value in list(manifest.counts.items())[:2])
            print(
                f"| {stage} | {contents} | {manifest.seconds:.1f} | {cost.seconds:.1f} | {cost.peak_mb:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
