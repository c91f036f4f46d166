"""Whether a stored classifier was trained on the present train and validation photos.

Then other test photos, or others that the filter removed from the test, need no new training.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.schema import TrainConfig
from tasks.held_out import held_out, memory_of
from tasks.store import hashing
from tasks.store.json_file import read_json
from tasks.store.manifest import Manifest
from tasks.tables.extract import COPIES_INDEX
from tasks.tables.filter import KEPT
from tasks.tables.shared import INDEX
from tasks.tables.train import LINEAGE, TRAINED_ON

if TYPE_CHECKING:
    import pandas as pd

PHOTOS_KEY, ENCODER_KEY = "photos", "encoder"
"""The keys of the digests in lineage.json."""


def trained_and_validated(kept: Path) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Read the photos that a training uses: those to train on, and those of the same classes to validate on.

    Args:
        kept: The folder of the filter.

    Returns:
        Rows with photo, label, group and split; no photo of the test.
    """
    photos = KEPT.read(kept, ["photo", "label", "group", "split"])
    train = photos[photos["split"] == "train"]
    return train, photos[(photos["split"] == "val") & photos["label"].isin(set(train["label"]))]


def photos_digest(kept: Path, tiles: Path, features: Path) -> str:
    """Compute a digest of all photos that a training uses: their classes, splits, groups, tiles and features."""
    import pandas as pd

    photos = pd.concat(trained_and_validated(kept))
    for name, folder in (("tile", tiles), ("features", features)):
        index = INDEX.read(folder, ["photo", "digest"]).set_index("photo")["digest"]
        photos[name] = photos["photo"].map(index)
    copies = COPIES_INDEX.read(features, ["photo", "copy", "digest"])
    copies = copies[copies["photo"].isin(set(photos["photo"]))]
    known = photos.astype(object).where(photos.notna(), "")  # without an encoder there are no features
    return hashing.of_value([known.to_dict("records"), copies.to_dict("records")])


def accept_stale(
    config: TrainConfig, candidate: Path, *, kept: Path, tiles: Path, encoder: Path, features: Path
) -> str | None:
    """Return why a stored classifier can be used although the kept photos have changed; None if it can't."""
    try:
        lineage = read_json(LINEAGE.path(candidate), dict[str, Any])
        trained_on = set(TRAINED_ON.read(candidate)["photo"])
    except (OSError, ValueError):  # damaged; the store reports that elsewhere
        return None
    if lineage.get(PHOTOS_KEY) != photos_digest(kept, tiles, features) or lineage.get(ENCODER_KEY) != digest_of(
        encoder
    ):
        return None
    train, val = trained_and_validated(kept)
    # the digest says that the same photos validate; a refitted classifier has learned from them
    if trained_on & (held_out(kept) - set(val["photo"])):
        return None
    earlier = trained_on.difference(train["photo"], val["photo"])
    if earlier and lineage.get("memory") != memory_of(kept):  # nothing knows whether these resemble a test photo
        return None
    return "no train or validation photo has changed"


def digest_of(artifact: Path) -> str:
    """Return the digest of an artifact, by its folder."""
    return Manifest.read(artifact).artifact.digest
