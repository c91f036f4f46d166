"""The filter stage: which photos are kept, which are rejected and why, and who is in which split."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.support import digest, facts
from tasks.support.duplicates import groups, near_pairs
from tasks.support.errors import UserError
from tasks.support.job import Job
from tasks.support.manifest import FileRecord, Result
from tasks.support.pool import Pool, Rows
from tasks.support.splits import Memory, Split, deal, settle
from tasks.support.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1

logger = logging.getLogger("fluke.filter")


@dataclass(frozen=True)
class Verdict:
    """Of one row: why it is rejected, if it is."""

    reason: str | None = None
    score: float = 0.0
    """What the reason rests on: pixels of the shorter side, or bits in which two hashes differ."""
    twin: int | None = None
    """The row that it duplicates or contradicts."""


@dataclass
class Buckets:
    """Rows that have the same perceptual hash, the links between such buckets, and the groups that they make."""

    hashes: NDArray[np.uint8]
    bucket: NDArray[np.int64]
    pairs: NDArray[np.int64]
    group: list[int] = field(init=False)
    """Number of each row's group of near duplicates."""

    def __post_init__(self) -> None:
        self.group = groups(len(self.hashes), self.pairs)[self.bucket].tolist()

    @classmethod
    def of(cls, hashes: NDArray[np.uint8], max_bits: int) -> "Buckets":
        """Link rows of `hashes` `(n, bytes)` that differ in at most `max_bits` bits."""
        unique, bucket = np.unique(hashes, axis=0, return_inverse=True)
        return cls(unique, bucket.astype(np.int64), near_pairs(unique, max_bits))

    def distance(self, one: int, other: int) -> float:
        """Bits in which the hashes of two rows differ."""
        return float(np.bitwise_count(self.hashes[self.bucket[one]] ^ self.hashes[self.bucket[other]]).sum())


def judge(
    measured: NDArray[np.void], photos: Sequence[str], labels: Sequence[str], buckets: Buckets, config: FilterConfig
) -> list[Verdict]:
    """Judge n rows, each one photo under one class; among equals the earlier row is preferred.

    measured: `(n,)` of type FACTS; photos: SHA-256 of each (rows may share one); labels: its class; buckets: of at
    least these rows, in this order.
    """
    side_px = np.minimum(measured["width_px"], measured["height_px"])
    verdicts = [Verdict(flaw.decode() or None) for flaw in measured["flaw"]]
    for row in np.flatnonzero(side_px < config.min_side_px).tolist():
        if not verdicts[row].reason:
            verdicts[row] = Verdict("too small", float(side_px[row]))
    sound = [row for row, verdict in enumerate(verdicts) if not verdict.reason]
    for row, twin in _contradictions(sound, labels, buckets).items():
        verdicts[row] = Verdict("two classes", buckets.distance(row, twin), twin)

    seen: dict[str, int] = {}
    best: dict[int, int] = {}
    area = measured["width_px"].astype(np.int64) * measured["height_px"]
    for row in sorted(sound, key=lambda row: (-area[row], row)):
        if verdicts[row].reason:
            continue
        if photos[row] in seen:
            verdicts[row] = Verdict("duplicate", twin=seen[photos[row]])
            continue
        seen[photos[row]] = row
        keeper = best.setdefault(buckets.group[row], row)
        if keeper != row and config.drop_near_duplicates:
            verdicts[row] = Verdict("near duplicate", buckets.distance(row, keeper), keeper)
    return verdicts


def _contradictions(rows: Sequence[int], labels: Sequence[str], buckets: Buckets) -> dict[int, int]:
    """Rows that show the same as a row of another class, and that row."""
    members: dict[int, list[int]] = {}
    firsts: dict[int, dict[str, int]] = {}
    for row in rows:
        bucket = int(buckets.bucket[row])
        members.setdefault(bucket, []).append(row)
        firsts.setdefault(bucket, {}).setdefault(labels[row], row)
    links = [(bucket, bucket) for bucket in members]
    links += [link for one, other in buckets.pairs.tolist() for link in ((one, other), (other, one))]
    found: dict[int, int] = {}
    for bucket, other in links:
        for row in members.get(bucket, ()):
            twins = (twin for label, twin in firsts.get(other, {}).items() if label != labels[row])
            if row not in found and (twin := next(twins, None)) is not None:
                found[row] = twin
    return found


def build_kept(config: FilterConfig, *, photos: Path, job: Job) -> Result:
    """Write `kept.parquet` and `rejected.parquet` from the crawl's `photos.parquet`."""
    import pandas as pd

    table = pd.read_parquet(photos / "photos.parquet").sort_values(["label", "rank", "photo", "name"])
    table = table.reset_index(drop=True)
    memory = _memory(config, job.pools)
    memory.path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(memory.path.with_suffix(".lock")):
        known = memory.read()
        measured, absent, refs = _measure(table, set(known), job)
        hashes = [*measured["hash"], *(row["hash"] for row in absent.values())]
        buckets = Buckets.of(np.array(hashes, np.uint8).reshape(len(hashes), -1), config.duplicate_bits)
        verdicts = judge(measured, table["photo"].tolist(), table["label"].tolist(), buckets, config)
        table["reason"] = [verdict.reason for verdict in verdicts]
        table["score"] = [verdict.score for verdict in verdicts]
        table["twin"] = [None if v.twin is None else table["photo"][v.twin] for v in verdicts]
        table["group"] = buckets.group[: len(table)]
        table["split"] = _split(config, table, [*table["photo"], *absent], buckets.group, known)
        _leave_out_untrained(table)
        kept, rejected = table[table["reason"].isna()], table[table["reason"].notna()]
        _check(config, kept, rejected)
        dealt = table[table["split"].notna()]
        memory.write(known, dict(zip(dealt["photo"], dealt["split"], strict=True)))
    _warn_of_small_classes(kept)

    columns = ["photo", "file", "label", "name"]
    kept = kept.assign(group=kept.groupby("group")["photo"].transform("min")).sort_values(["label", "photo"])
    kept = kept[[*columns, "group", "split"]]
    kept.to_parquet(job.out / "kept.parquet", index=False)
    rejected = rejected.sort_values(["reason", "label", "photo", "name"])
    rejected[[*columns, "reason", "score", "twin", "split"]].to_parquet(job.out / "rejected.parquet", index=False)
    counts = {"kept": len(kept), "rejected": len(rejected), **rejected["reason"].value_counts().sort_index()}
    counts |= {split: (kept["split"] == split).sum() for split in ("train", "val", "test")}
    content = digest.of_value(kept.to_dict("records"))
    return Result({name: int(count) for name, count in counts.items()}, digest=content, refs=refs)


def observe(config: FilterConfig, pools: Path) -> dict[str, str | int]:
    """How many photos ever moved to another split; see `Memory`."""
    return {"moves": _memory(config, pools).moves()}


def _memory(config: FilterConfig, pools: Path) -> Memory:
    return Memory(pools, {"val": config.val_fraction, "test": config.test_fraction, "seed": config.seed})


def _measure(
    table: "pd.DataFrame", remembered: set[str], job: Job
) -> tuple[NDArray[np.void], dict[str, np.void], dict[Path, FileRecord]]:
    """Facts of each row's photo, `(n,)`; of remembered photos that aren't in the table; the former's shards.

    Only new photos are read. An absent photo still holds its group together: what resembles it must not train either.
    """
    files = dict(zip(table["photo"], table["file"], strict=True))

    def compute(chunk: Sequence[str]) -> NDArray[np.void]:
        return np.array([facts.measure((job.root / files[photo]).read_bytes()) for photo in chunk], facts.FACTS)

    job = replace(job, source=digest.of_source(facts.__name__))
    pool = Pool.open(job.pools / digest.of_value(["facts", facts.VERSION])[:24], job)
    pool, _ = pool.fill(sorted(files), compute, job, label="photos looked at", shard_photos=128)
    index = pool.index(table["photo"], job.root)
    held = {photo for shard in pool.shards for photo in shard.photos}
    absent = sorted((remembered - files.keys()) & held)
    others = dict(zip(absent, Rows(pool.index(absent, job.root), job.root)[:], strict=True)) if absent else {}
    return Rows(index, job.root)[:], others, pool.refs(index, job.root)


def _split(
    config: FilterConfig, table: "pd.DataFrame", photos: Sequence[str], groups: Sequence[int], known: dict[str, Split]
) -> list[Split | None]:
    """The split of each row of the table: of what is kept, and of what is known or resembles either.

    photos, groups: of the table's rows, followed by absent ones.
    """
    unseen = table["reason"].isin(["unreadable", "truncated"]).tolist()  # without a hash, they resemble nothing
    settled = settle(groups, [known.get(photo) for photo in photos])
    kept = table[table["reason"].isna()]
    dealt = deal(
        kept["label"].tolist(),
        kept["group"].tolist(),
        kept["photo"].tolist(),
        settled,
        val_fraction=config.val_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
    )
    dealt = settled | dealt
    return [None if blind else dealt.get(group) for group, blind in zip(table["group"], unseen, strict=True)]


def _leave_out_untrained(table: "pd.DataFrame") -> None:
    """Reject the photos of classes without a train photo: those it had are gone, or have moved to the test."""
    kept = table["reason"].isna()
    untrained = kept & ~table["label"].isin(table.loc[kept & (table["split"] == "train"), "label"])
    if untrained.any():
        names = ", ".join(sorted(set(table.loc[untrained, "label"])))
        logger.warning("classes without a train photo are left out: %s", names)
        table.loc[untrained, "reason"] = "nothing to train on"


def _check(config: FilterConfig, kept: "pd.DataFrame", rejected: "pd.DataFrame") -> None:
    """Refuse a set of photos that no classifier can be trained on, or none be tested on."""
    labels = sorted(set(kept["label"]))
    if len(labels) < 2:
        why = ", ".join(f"{count:,} {reason}" for reason, count in rejected["reason"].value_counts().items())
        left = f"only the class {labels[0]!r} has" if labels else "no class has"
        raise UserError(
            f"{left} photos left after the filter, and a classifier needs two classes; of "
            f"{len(kept) + len(rejected):,} photos it rejected: {why or 'none'}; "
            "look at the photos, or at the knobs under filter"
        )
    if not (kept["split"] == "test").any():
        raise UserError(
            "no photo is left for the test: give each class more photos, or raise filter.test_fraction "
            f"(it is {config.test_fraction:g})"
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


STAGE = Stage("filter", VERSION, build=build_kept, observe=observe)
