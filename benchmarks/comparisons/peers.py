"""Run CleanVision and imagededup on a folder of photos, each with the Python of its own virtual environment.

    VENV/bin/python benchmarks/comparisons/peers.py cleanvision PHOTOS RESULTS.json [JOBS [FILES.txt]]
    VENV/bin/python benchmarks/comparisons/peers.py imagededup  PHOTOS RESULTS.json [BITS ...]

README.md says how to make the environments. `imagededup.methods` imports its networks together with its hashes, and
these import torch and torchvision. This script first replaces the two modules that do so (`methods.cnn`,
`utils.models`) by empty ones. Hashing and searching are unchanged.

The result is a JSON object with `seconds` (of the work itself, without imports and writing). For CleanVision it also
has `flaws` (issue type -> files) and `sets` (issue type -> lists of files that are alike). For imagededup it has
`pairs` (method -> bits -> pairs of files) and `skipped` (files without a hash). Files are class/name. This script
imports nothing of fluke, which the other environments do not have.
"""

import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any


def cleanvision(photos: Path, jobs: int | None = None, files: Path | None = None) -> dict[str, Any]:
    """Run all default checks; files: a text file with one file name per line, by default all files of the folder."""
    from cleanvision import Imagelab

    began = time.monotonic()
    if files is None:
        lab = Imagelab(data_path=str(photos), verbose=False)
    else:
        lab = Imagelab(filepaths=[str(photos / line) for line in files.read_text().splitlines()], verbose=False)
    lab.find_issues(n_jobs=jobs, verbose=False)
    seconds = time.monotonic() - began

    def name(path: str) -> str:
        return Path(path).relative_to(photos).as_posix()

    columns = [column for column in lab.issues.columns if column.startswith("is_") and "duplicates" not in column]
    problems = {
        column.removeprefix("is_").removesuffix("_issue"): [name(path) for path in lab.issues.index[lab.issues[column]]]
        for column in columns
    }
    sets = {
        kind: [[name(path) for path in paths] for paths in lab.info[kind]["sets"]]
        for kind in ("exact_duplicates", "near_duplicates")
    }
    return {"seconds": seconds, "flaws": problems, "sets": sets}


def imagededup(photos: Path, bits: list[int]) -> dict[str, Any]:
    """Compute the 64-bit hashes of each method, and the pairs that differ in at most this number of bits."""
    for module, name in (("imagededup.methods.cnn", "CNN"), ("imagededup.utils.models", "CustomModel")):
        sys.modules[module] = ModuleType(module)
        setattr(sys.modules[module], name, type(name, (), {}))
    from imagededup import methods

    began = time.monotonic()
    pairs: dict[str, dict[int, list[list[str]]]] = {}
    skipped: set[str] = set()
    for method in ("PHash", "DHash", "AHash", "WHash"):
        hasher = getattr(methods, method)(verbose=False)
        hashes = hasher.encode_images(image_dir=str(photos), recursive=True)
        skipped = {path.relative_to(photos).as_posix() for path in photos.glob("*/*")} - hashes.keys()
        pairs[method] = {}
        for most in bits:
            twins = hasher.find_duplicates(encoding_map=hashes, max_distance_threshold=most)
            pairs[method][most] = sorted([one, other] for one in twins for other in twins[one] if one < other)
    return {"seconds": time.monotonic() - began, "pairs": pairs, "skipped": sorted(skipped)}


def main() -> None:
    tool, photos, out, *rest = sys.argv[1:]
    home = Path(photos).absolute()
    if tool == "cleanvision":
        jobs, *files = rest or ["0"]
        answers = cleanvision(home, int(jobs) or None, *map(Path, files))
    else:
        answers = imagededup(home, [int(most) for most in rest] or [10])
    Path(out).write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
