"""Compare a preset with its write-up's own settings on a folder of the user's: `make reproduce PRESET=... PHOTOS=...`.

    python benchmarks/reproduce.py cats_dogs PHOTOS [SECTION.SETTING=VALUE ...] [--seeds 3]

It runs `fluke ablate` with two arms, the preset and its `_writeup`: the same photos, the same split, three seeds. The
table has both columns with 95 % intervals. What is finished is kept: the same command continues.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from configs import presets
from configs.load import load
from configs.settings import differing_settings, leaves
from flows.ablate.arms import settings_in

SUFFIX = "_writeup"
_TABLES = (".csv", ".tsv", ".txt")


def command(preset: str, photos: Path, settings: Sequence[str], seeds: int) -> list[str]:
    """Return the arguments of `fluke` that compare a preset with its write-up.

    Args:
        preset: A preset that has a write-up.
        photos: A folder with one sub-folder per class, or a CSV of photos and classes.
        settings: Settings of both arms, `section.setting=value`; a text may hold several, with blanks between them.
        seeds: How often each arm is trained.

    Raises:
        SystemExit: There is no such preset or no such folder.
    """
    known = [name.removesuffix(SUFFIX) for name in presets.names() if name.endswith(SUFFIX)]
    if preset not in known:
        raise SystemExit(f"PRESET={preset}: no write-up; there are {', '.join(known)}")
    if not photos.exists():
        raise SystemExit(f"PHOTOS={photos}: no such folder or CSV")
    source = "csv" if photos.suffix.lower() in _TABLES else "folder"
    both = [f"crawl.sources={source}", "crawl.keywords={}", f"crawl.path={photos.absolute()}"]
    both += [setting for text in settings for setting in settings_in(text)]
    ours, theirs = load(preset, both), load(preset + SUFFIX, both)
    values = dict(leaves(theirs))
    named = {"name", "filter.memory"}  # after the preset; the split is that of ours
    differing = [f"{name}={_text(values[name])}" for name in differing_settings(theirs, ours) if name not in named]
    return ["ablate", preset, *both, "--arm", f"as written: {' '.join(differing)}", "--seeds", str(seeds)]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str).replace(" ", "")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("photos", type=Path)
    parser.add_argument("settings", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    words = command(asked.preset, asked.photos, asked.settings, asked.seeds)
    raise SystemExit(subprocess.run([sys.executable, "-m", "flows.cli", *words], check=False).returncode)


if __name__ == "__main__":
    main()
