"""Run each tool that looks for flaws in its own process, and translate its results into fluke's reasons.

    .venv/bin/python benchmarks/comparisons/filter_tools.py crawl  PHOTOS STORE
    .venv/bin/python benchmarks/comparisons/filter_tools.py filter PHOTOS STORE RESULTS.json [SETTING=VALUE ...]

run fluke's stages alone: folder functions and store, without Prefect. `peers.py` runs the other tools.
"""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

Pair = tuple[str, str]

SETTINGS = {
    "odd aspect": "min_aspect",
    "uniform": "min_contrast",
    "too dark": "dark_level",
    "too light": "light_level",
    "blurred": "min_sharpness",
}
"""Reasons of fluke that a setting of the filter enables; the others are always enabled."""

CORRUPT = "unreadable or truncated"
OURS = dict.fromkeys(("unreadable", "truncated", "web page", "empty file"), CORRUPT)
"""Reasons that count as the same check; each other reason is a check of its own."""

CLEANVISION = {
    "odd_size": "too small",
    "odd_aspect_ratio": "odd aspect",
    "low_information": "uniform",
    "dark": "too dark",
    "light": "too light",
    "blurry": "blurred",
    "exact_duplicates": "duplicate",
    "near_duplicates": "near duplicate",
}
"""CleanVision's issue types as reasons of fluke, which has no `grayscale`. CleanVision ignores classes."""


@dataclass(frozen=True)
class Answers:
    """What a tool reports about a folder."""

    tool: str
    problems: dict[str, set[str]] = field(default_factory=dict)
    """The files that each check names. The tool has no check that is neither a key here nor in `pairs`."""
    pairs: dict[str, set[Pair]] = field(default_factory=dict)
    """The pairs of similar files that each check reports; each pair is sorted."""


def fluke_command(stage: str, photos: Path, store: Path, *rest: str) -> list[str]:
    return [sys.executable, __file__, stage, str(photos), str(store), *rest]


def of_fluke(answers: dict[str, Any]) -> Answers:
    problems: dict[str, set[str]] = {check: set() for check in answers["checks"]}
    for reason, file in answers["flaws"]:
        problems.setdefault(OURS.get(reason, reason), set()).add(file)
    pairs: dict[str, set[Pair]] = {reason: set() for reason in ("duplicate", "near duplicate", "two classes")}
    for reason, *files in answers["pairs"]:
        pairs[reason] |= _pairs([files])
    return Answers("fluke", problems, pairs)


def of_cleanvision(answers: dict[str, Any]) -> Answers:
    problems = {CLEANVISION[issue]: set(files) for issue, files in answers["flaws"].items() if issue in CLEANVISION}
    pairs = {CLEANVISION[issue]: _pairs(sets) for issue, sets in answers["sets"].items()}
    return Answers("CleanVision", problems, pairs)


def of_imagededup(answers: dict[str, Any], method: str, bits: int) -> Answers:
    """Translate imagededup's results.

    It does not distinguish exact and near duplicates. It skips corrupt files with a warning, which counts as a check.
    """
    pairs = {"near duplicate": _pairs(answers["pairs"][method][str(bits)])}
    return Answers(f"imagededup {method}, {bits} bits", {CORRUPT: set(answers["skipped"])}, pairs)


def _pairs(sets: Iterable[Sequence[str]]) -> set[Pair]:
    """Return all pairs within each set."""
    return {(one, other) for members in sets for one in members for other in members if one < other}


def _crawl_and_filter(stage: str, photos: Path, home: Path, out: Path | None, settings: Sequence[str]) -> None:
    """Run fluke's stages as the pipeline does; the crawl is cached if it has been run before."""
    sys.path.insert(0, str(ROOT))
    from configs.load import load
    from tasks.crawl import stage as crawl
    from tasks.filter import stage as filter
    from tasks.store.context import executor
    from tasks.store.stage import Run
    from tasks.store.store import Store

    config = load("default", [f"crawl.path={photos}", *settings])
    store = Store(home)
    with executor(0) as pool:
        run = Run(store, pool)
        crawled = run.get_or_build(crawl.STAGE, config.crawl)
        if stage == "crawl" or out is None:
            return
        began = time.monotonic()
        filtered = run.get_or_build(filter.STAGE, config.filter, photos=crawled.artifact)
        seconds = time.monotonic() - began
    checks = [CORRUPT, "too small"]
    checks += [reason for reason, setting in SETTINGS.items() if getattr(config.filter, setting) is not None]
    answers = {"seconds": seconds, "checks": checks, **_rejected(store.folder(filtered.artifact))}
    out.write_text(json.dumps(answers))


def _rejected(folder: Path) -> dict[str, list[list[str]]]:
    """Return flaws as (reason, file), and pairs as (reason, file, file of the photo that it duplicates)."""
    import pyarrow.parquet as pq

    from tasks import tables

    rejected = pq.read_table(tables.filter.REJECTED.path(folder)).to_pylist()
    files: dict[str, list[str]] = {}
    for row in [*pq.read_table(tables.filter.KEPT.path(folder)).to_pylist(), *rejected]:
        files.setdefault(row["photo"], []).append(row["name"])
    problems, pairs = [], []
    for row in rejected:
        if row["twin"]:
            other = next(name for name in files[row["twin"]] if name != row["name"])
            pairs.append([row["reason"], row["name"], other])
        else:
            problems.append([row["reason"], row["name"]])
    return {"flaws": problems, "pairs": pairs}


def main() -> None:
    stage, photos, home, *rest = sys.argv[1:]
    out = Path(rest[0]) if rest else None
    _crawl_and_filter(stage, Path(photos).absolute(), Path(home).absolute(), out, rest[1:])


if __name__ == "__main__":
    main()
