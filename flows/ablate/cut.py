"""Fewer train photos of each class, for a learning curve; the photos of validation and test stay.

The cut is an artifact of its own, made from that of the filter and read in its place by all later stages. So it needs
no setting of the filter, whose cached results stay valid, and the filter and its memory of splits run once.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from configs.schema import Section, Seed
from tasks.store import hashing, manifest
from tasks.store.context import StageContext
from tasks.store.manifest import Result
from tasks.store.stage import Stage
from tasks.tables.filter import ABSENT, KEPT, REMOVED

if TYPE_CHECKING:
    import pandas as pd


class CutConfig(Section):
    """How many train photos are kept."""

    train_per_class: int = Field(ge=1, description="Largest number of train photos of each class.")
    seed: Seed = 0


def cut_train(kept: "pd.DataFrame", most: int, seed: int) -> "pd.DataFrame":
    """Keep at most some train photos of each class, and all photos of validation and test.

    Photos are drawn by their names, so that fewer photos are a part of more photos with the same seed, and that a photo
    that is new changes nothing else.

    Args:
        kept: The kept photos: photo, label and split.
        most: The largest number of train photos of each class.
        seed: Seed of the draw.

    Returns:
        The rows that stay, in their order.
    """
    train = kept[kept["split"] == "train"]
    drawn = train.assign(at=[hashing.of_value([seed, photo]) for photo in train["photo"]])
    chosen = drawn.sort_values(["at", "photo"]).groupby("label", sort=False).head(most).index
    return kept[(kept["split"] != "train") | kept.index.isin(chosen)]


def build_cut(config: CutConfig, *, photos: Path, kept: Path, context: StageContext) -> Result:
    """Write the filter's artifact again with fewer train photos.

    Args:
        config: How many.
        photos: Folder of the crawl's artifact; only its place among the parents counts, by which `fluke forget` finds
            everything that was made from a photo.
        kept: Folder of the filter's artifact.
        context: Where to write.
    """
    shutil.copytree(kept, context.out, dirs_exist_ok=True, ignore=shutil.ignore_patterns(manifest.NAME))
    left = cut_train(KEPT.read(kept), config.train_per_class, config.seed)
    KEPT.write(left, context.out)
    digested = [left, REMOVED.read(kept), ABSENT.read(kept)]
    counts = {"kept": len(left)} | {split: int((left["split"] == split).sum()) for split in ("train", "val", "test")}
    return Result(counts, digest=hashing.of_value([table.to_dict("records") for table in digested]))


STAGE = Stage("filter", 1, build=build_cut)
