"""Measure a run in which every stage is cached: seconds, CPU seconds and peak memory.

    .venv/bin/python benchmarks/cached.py [PHOTOS ...]     (default: 1000 25000; about 5 minutes)

The photos are generated and the networks are tiny. Neither matters: a cached run reads no photo and imports no Keras.
"""

import argparse
import statistics

from benchmarks.measure import FLUKE, make_photos, run, scratch, server

RUNS = 5
TINY = ["preprocess.side_px=16", "pretrain.encoder=autoencoder", "pretrain.filters=[4]", "pretrain.code_channels=2"]
TINY += ["pretrain.epochs=1", "train.recipe=network", "train.filters=[4]", "train.epochs=1"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", type=int, default=[1000, 25_000])
    counts = parser.parse_args().photos
    print(
        "| photos | first run, s | cached run, s (median of 5) | range, s | CPU, s (median) | peak memory, MB |\n"
        "|---|---|---|---|---|---|"
    )
    for count in counts:
        with scratch() as folder:
            make_photos(folder / "photos", count)
            data = folder / "data"
            command = [FLUKE, "run", "default", f"crawl.path={folder / 'photos'}", *TINY]
            with server(data):
                first = run(command, data)
                cached = [run(command, data) for _ in range(RUNS)]
            times = [cost.seconds for cost in cached]
            spread = f"{min(times):.2f}-{max(times):.2f}"
            cpu_s = statistics.median(cost.cpu_s for cost in cached)
            peak = max(cost.peak_mb for cost in cached)
            print(
                f"| {count:,} | {first.seconds:.1f} | {statistics.median(times):.2f} | {spread} | {cpu_s:.2f} | "
                f"{peak:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
