"""The filter stage: which photos are kept, which are rejected and why, and who is in which split."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.support import digest, photos, splits
from tasks.support.duplicates import HASH_BYTES, groups, near_pairs, perceptual_hash
from tasks.support.errors import UserError
from tasks.support.job import Job
from tasks.support.manifest import Result
from tasks.support.pool import Pool, Rows
from tasks.support.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
_FACTS_VERSION = 1
"""Of what is measured of a photo; raised only when that changes, since thresholds are applied afterwards."""

logger = logging.getLogger("fluke.filter")

FACTS = np.dtype([("flaw", "S10"), ("width_px", "<i4"), ("height_px", "<i4"), ("hash", "u1", (HASH_BYTES,))])
_HASH_SIDE_PX = 128


def measure(data: bytes) -> NDArray[np.void]:
    """What the checks need to know of one photo's bytes: a row of type FACTS.

    flaw: b"" or why it can't be decoded (`unreadable`, `truncated`); size in pixels; 256-bit perceptual hash.
    """
    facts = np.zeros((), FACTS)
    try:
        facts["width_px"], facts["height_px"] = photos.size_px(data)
        facts["hash"] = perceptual_hash(photos.decode(data, at_least_px=_HASH_SIDE_PX))
    except ValueError as error:
        facts["flaw"] = str(error).encode()
    return facts


def judge(
    facts: NDArray[np.void],
    names: Sequence[str],
    labels: Sequence[str],
    config: FilterConfig,
) -> tuple[list[str | None], list[float], list[int | None], NDArray[np.int64]]:
    """Judge n rows, each one photo under one class, in order of preference.

    facts: `(n,)` of type FACTS; names: SHA-256 of each photo (rows may share one); labels: its class.
    Returns, per row: the reason to reject it or None; the reason's score (pixels or bits); the row that is its twin or
    None; and the number of its group of near duplicates.
    """
    count = len(facts)
    reasons: list[str | None] = [flaw.decode() or None for flaw in facts["flaw"]]
    scores = [0.0] * count
    twins: list[int | None] = [None] * count
    side_px = np.minimum(facts["width_px"], facts["height_px"])
    for row in np.flatnonzero(side_px < config.min_side_px):
        if not reasons[row]:
            reasons[row], scores[row] = "too small", float(side_px[row])

    def distance(one: int, other: int) -> float:
        return float(np.bitwise_count(facts["hash"][one] ^ facts["hash"][other]).sum())

    sound = np.array([row for row in range(count) if not reasons[row]], dtype=np.int64)
    pairs = sound[near_pairs(facts["hash"][sound], config.duplicate_bits)]
    group = groups(count, pairs)
    # Equal hashes are only chained in `pairs`, so conflicts are looked for in whole groups of equal hashes.
    same: dict[bytes, list[int]] = {}
    for row in sound:
        same.setdefault(facts["hash"][row].tobytes(), []).append(int(row))
    for one, other in [*pairs.tolist(), *((rows[0], row) for rows in same.values() for row in rows[1:])]:
        if labels[one] != labels[other]:
            for row, twin in ((one, other), (other, one)):
                reasons[row], scores[row], twins[row] = "two classes", distance(row, twin), twin

    seen: dict[str, int] = {}
    best: dict[int, int] = {}
    area = facts["width_px"].astype(np.int64) * facts["height_px"]
    for row in sorted(sound.tolist(), key=lambda row: (-area[row], row)):
        if reasons[row]:
            continue
        if names[row] in seen:
            reasons[row], twins[row] = "duplicate", seen[names[row]]
            continue
        seen[names[row]] = row
        keeper = best.setdefault(int(group[row]), row)
        if keeper != row and config.drop_near_duplicates:
            reasons[row], scores[row], twins[row] = "near duplicate", distance(row, keeper), keeper
    return reasons, scores, twins, group


def build_kept(config: FilterConfig, *, photos: Path, job: Job) -> Result:
    """Write `kept.parquet` and `rejected.parquet` from the crawl's `photos.parquet`."""
    import pandas as pd

    table = pd.read_parquet(photos / "photos.parquet").sort_values(["label", "rank", "photo", "name"])
    table = table.reset_index(drop=True)
    facts = _facts(table, job)
    labels, names = table["label"].tolist(), table["photo"].tolist()
    reasons, scores, twins, group = judge(facts, names, labels, config)
    table["group"] = group
    table["reason"] = reasons
    table["score"] = scores
    table["twin"] = [None if twin is None else names[twin] for twin in twins]

    kept = table[table["reason"].isna()]
    _check(kept, table)
    kept = kept.assign(split=_deal(config, table, set(kept.index), job))
    kept["group"] = kept.groupby("group")["photo"].transform("min")
    kept = kept.sort_values(["label", "photo"])
    trained = set(kept.loc[kept["split"] == "train", "label"])
    _warn_of_small_classes(kept)
    orphans = ~kept["label"].isin(trained)
    if orphans.any():  # can only happen when photos that it trained on are gone or were moved to the test
        logger.warning(
            "classes without a train photo are left out: %s",
            ", ".join(sorted(set(kept.loc[orphans, "label"]))),
        )
        table.loc[kept.index[orphans], "reason"] = "nothing to train on"
        kept = kept[~orphans]
    rejected = table[table["reason"].notna()].sort_values(["reason", "label", "photo", "name"])

    columns = ["photo", "file", "label", "name"]
    kept[[*columns, "group", "split"]].to_parquet(job.out / "kept.parquet", index=False)
    rejected[[*columns, "reason", "score", "twin"]].to_parquet(job.out / "rejected.parquet", index=False)
    counts = {"kept": len(kept), "rejected": len(rejected), **rejected["reason"].value_counts().sort_index()}
    counts |= {split: int((kept["split"] == split).sum()) for split in ("train", "val", "test")}
    if not counts["test"]:
        raise UserError(
            "no photo is left for the test: give each class more photos, or raise filter.test_fraction "
            f"(it is {config.test_fraction:g})"
        )
    content = kept[[*columns, "group", "split"]].to_dict("records")
    return Result({name: int(count) for name, count in counts.items()}, digest=digest.of_value(content))


def _facts(table: "pd.DataFrame", job: Job) -> NDArray[np.void]:
    """Facts of each row's photo, `(n,)` of type FACTS; only new photos are read."""
    files = dict(zip(table["photo"], table["file"], strict=True))

    def compute(chunk: Sequence[str]) -> NDArray[np.void]:
        return np.array([measure((job.root / files[photo]).read_bytes()) for photo in chunk], FACTS)

    folder = job.pools / digest.of_value(["facts", _FACTS_VERSION])[:24]
    pool, _ = Pool.open(folder).fill(sorted(files), compute, job, label="photos looked at", shard_photos=128)
    facts: NDArray[np.void] = Rows(pool.index(table["photo"], job.root), job.root)[:]
    return facts


def _deal(config: FilterConfig, table: "pd.DataFrame", kept: set[int], job: Job) -> list[splits.Split]:
    """The split of each kept row; remembered for later nights, for rejected near duplicates too."""
    dealt = table[table.index.isin(kept) | (table["reason"] == "near duplicate")]
    dealing = {"val": config.val_fraction, "test": config.test_fraction, "seed": config.seed}
    path = job.pools / f"splits-{digest.of_value(dealing)[:24]}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        known = splits.read_known(path)
        split = splits.deal(
            dealt["label"].tolist(),
            dealt["group"].to_numpy(),
            dealt["photo"].tolist(),
            known,
            val_fraction=config.val_fraction,
            test_fraction=config.test_fraction,
            seed=config.seed,
        )
        splits.write_known(path, known | dict(zip(dealt["photo"], split, strict=True)))
    by_row = dict(zip(dealt.index, split, strict=True))
    return [by_row[row] for row in table.index if row in kept]


def _check(kept: "pd.DataFrame", table: "pd.DataFrame") -> None:
    """Refuse a set of photos that no classifier can be trained on."""
    labels = sorted(set(kept["label"]))
    if len(labels) >= 2:
        return
    reasons = table["reason"].value_counts()
    why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
    left = f"only the class {labels[0]!r} has" if labels else "no class has"
    raise UserError(
        f"{left} photos left after the filter, and a classifier needs two classes; "
        f"of {len(table):,} photos it rejected: {why or 'none'}; look at the photos, or at the knobs under filter"
    )


def _warn_of_small_classes(kept: "pd.DataFrame") -> None:
    """Say which classes have one photo."""
    sizes = kept["label"].value_counts()
    single = sorted(sizes.index[sizes == 1])
    if single:
        shown = ", ".join(single[:5]) + (" ..." if len(single) > 5 else "")
        logger.warning(
            "%d of %d classes have one photo, which trains and is never tested (more photos would tell): %s",
            len(single),
            len(sizes),
            shown,
        )


STAGE = Stage("filter", VERSION, build=build_kept)
