"""The filter stage: which photos are kept, which are rejected and why, and who is in which split."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter import review_log
from tasks.filter.fixed_test import read_test_list
from tasks.filter.hamming import groups
from tasks.filter.measure import Embed, Measured, count_faces, embed, measure
from tasks.filter.near_duplicates import Buckets
from tasks.filter.review_log import Action, Subject
from tasks.filter.rules import UNDECODABLE, Verdict, judge
from tasks.filter.splits import Memory, Split, deal, set_aside, settle, straddled, unseen_classes
from tasks.filter.summary import review_rows, summary
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Result
from tasks.store.stage import Stage
from tasks.store.store import Store
from tasks.tables import KEPT, PHOTOS, REJECTED, REVIEW, SUMMARY

if TYPE_CHECKING:
    import pandas as pd

VERSION = 2

logger = logging.getLogger("fluke.filter")


def build_kept(config: FilterConfig, *, photos: Path, context: StageContext) -> Result:
    """Write `kept.parquet`, `rejected.parquet`, `review.parquet` and `summary.md` from the crawl's `photos.parquet`."""
    table = PHOTOS.read(photos).sort_values(["label", "rank", "photo", "name"])
    table = table.reset_index(drop=True)
    table["subject"] = table["label"]
    decided = _decide(table, context.root)
    memory = _memory(config, context.pools)
    memory.path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(memory.path.with_suffix(".lock")):
        known = memory.read()
        measured = measure(table, set(known), context)
        buckets = measured.buckets(config)
        judged = _judge(config, table, measured, buckets, decided={}, context=context)
        suspects = _suspect(config, table, judged, buckets, context)
        verdicts = _judge(config, table, measured, buckets, decided=decided, context=context) if decided else judged
        for row in suspects:
            if row not in decided and not verdicts[row].reason:
                verdicts[row] = judged[row]
        table["reason"] = [verdict.reason for verdict in verdicts]
        table["score"] = [verdict.score for verdict in verdicts]
        table["twin"] = [None if v.twin is None else table["photo"][v.twin] for v in verdicts]
        everything = [*table["photo"], *measured.absent]
        table_groups = _link(config, table, buckets)
        pinned: dict[str, Split] = (
            dict.fromkeys(read_test_list(config.test_list, table), "test") if config.test_list else {}
        )
        before = {**known, **pinned}
        table["group"] = table_groups[: len(table)]
        table["split"] = _split(config, table, everything, table_groups, before)
        _leave_out_untrained(config, table)
        kept, rejected = table[table["reason"].isna()], table[table["reason"].notna()]
        _check(config, kept, rejected)
        dealt = table[table["split"].notna()]
        memory.write(known, dict(zip(dealt["photo"], dealt["split"], strict=True)))
    _warn_of_small_classes(kept)
    leaks = straddled(table_groups, [known.get(photo) for photo in everything])

    kept = kept.assign(group=kept.groupby("group")["photo"].transform("min")).sort_values(["label", "photo"])
    kept = kept[KEPT.names]
    KEPT.write(kept, context.out)
    rejected = rejected.sort_values(["reason", "label", "photo", "name"])
    rejected = rejected[REJECTED.names]
    REJECTED.write(rejected, context.out)
    REVIEW.write(review_rows(table, judged, suspects, decided), context.out)
    text = summary(kept, rejected, decided=len(decided), leaks=leaks, root=context.root)
    SUMMARY.path(context.out).write_text(text, encoding="utf-8")
    counts = {"kept": len(kept), "rejected": len(rejected), **rejected["reason"].value_counts().sort_index()}
    counts |= {split: (kept["split"] == split).sum() for split in ("train", "val", "test")}
    counts |= {name: count for name, count in {"decided by hand": len(decided), "leaks mended": leaks}.items() if count}
    content = hashing.of_value(kept.to_dict("records"))
    return Result({name: int(count) for name, count in counts.items()}, digest=content, refs=measured.refs)


def external_inputs(config: FilterConfig, root: Path) -> dict[str, str | int]:
    """What it sees besides its config: see `Memory` for the moves; decisions and files that it is told to read."""
    inputs: dict[str, str | int] = {"moves": _memory(config, Store(root).pools("filter")).moves()}
    if review_log.read(root):
        inputs["decisions"] = review_log.digest(root)[:24]
    for setting in ("test_list", "face_model", "embedding"):
        if path := getattr(config, setting):
            try:
                inputs[setting] = hashing.of_file(path.expanduser())[:24]
            except OSError as error:
                raise UserError(f"filter.{setting}={path}: can't be read ({error.strerror}); give a file") from error
    return inputs


def _memory(config: FilterConfig, pools: Path) -> Memory:
    dealing: dict[str, Any] = {"val": config.val_fraction, "test": config.test_fraction, "seed": config.seed}
    if config.unseen_classes:
        dealing["unseen"] = config.unseen_classes
    return Memory(pools, dealing)


def _decide(table: "pd.DataFrame", root: Path) -> dict[int, Action]:
    """What a person said of rows; those that are to move get their new label."""
    standing = review_log.read(root)
    decided: dict[int, Action] = {}
    for row, subject in enumerate(map(Subject._make, zip(table["photo"], table["label"], strict=True))):
        if decision := standing.get(subject):
            decided[row] = decision.action
            if decision.action == "move":
                table.loc[row, "label"] = decision.to
    return decided


def _judge(
    config: FilterConfig,
    table: "pd.DataFrame",
    measured: Measured,
    buckets: Buckets,
    *,
    decided: Mapping[int, Action],
    context: StageContext,
) -> list[Verdict]:
    """Verdicts on all rows."""
    labels = (table["label"] if decided else table["subject"]).tolist()
    verdicts = judge(measured.facts, table["photo"].tolist(), labels, buckets, config, decided=decided)
    if config.faces:
        rows = [row for row, verdict in enumerate(verdicts) if not verdict.reason and row not in decided]
        least, most = config.faces
        for row, count in zip(rows, count_faces(config, table.loc[rows], context), strict=True):
            if not least <= count <= most:
                verdicts[row] = Verdict("faces", count, least if count < least else most)
    return verdicts


def _suspect(
    config: FilterConfig, table: "pd.DataFrame", verdicts: list[Verdict], buckets: Buckets, context: StageContext
) -> dict[int, list[Verdict]]:
    """Of rows that look unlike their class or whose class is doubted, why; the worst of them are rejected."""
    if not config.label_issues and config.max_outlier is None and config.max_label_doubt is None:
        return {}
    from tasks.filter.label_issues.rank import list_suspects

    rows = [row for row, verdict in enumerate(verdicts) if not verdict.reason]
    labels, near = table.loc[rows, "subject"].tolist(), [buckets.group[row] for row in rows]
    embedded = embed(config, table.loc[rows], context, _Network(config))
    found: dict[int, list[Verdict]] = {}
    for place, verdict in list_suspects(embedded, labels, near, config):
        row = rows[place]
        found.setdefault(row, []).append(verdict)
        if verdict.threshold is not None and verdict.score > verdict.threshold and not verdicts[row].reason:
            verdicts[row] = verdict
    return found


class _Network:
    """A model file's embedding, which is read when it is needed, and asked by one thread at a time."""

    def __init__(self, config: FilterConfig) -> None:
        self._config = config
        self._lock = Lock()
        self._embedding: Embed | None = None

    def __call__(self, photos: Sequence[NDArray[np.uint8]]) -> NDArray[np.floating]:
        from tasks.networks.embedding import Embedding

        with self._lock:
            if self._embedding is None and self._config.embedding:
                self._embedding = Embedding(self._config.embedding.expanduser(), self._config.embedding_scale)
            assert self._embedding is not None
            return self._embedding(photos)


def _link(config: FilterConfig, table: "pd.DataFrame", buckets: Buckets) -> list[int]:
    """Group of each row, and of what follows them in the buckets: near duplicates, and what the data names as one."""
    columns = ["group"] + ["page"] * config.group_pages
    named = [dict(table[column].dropna()) for column in columns if column in table]
    if config.group_pattern:
        found = {row: re.search(config.group_pattern, name) for row, name in table["name"].items()}
        named.append({row: match[min(1, match.re.groups)] for row, match in found.items() if match})
    links: list[tuple[int, int]] = []
    for names in named:
        first: dict[str, int] = {}
        links += [(buckets.group[first.setdefault(name, row)], buckets.group[row]) for row, name in names.items()]
    joined = groups(max(buckets.group, default=-1) + 1, np.array(links, np.int64).reshape(-1, 2))
    return [int(joined[group]) for group in buckets.group]


def _split(
    config: FilterConfig, table: "pd.DataFrame", photos: Sequence[str], groups: Sequence[int], known: dict[str, Split]
) -> list[Split | None]:
    """The split of each row of the table: of what is kept, and of what is known or resembles either.

    photos, groups: of the table's rows, followed by absent ones.
    """
    unseen = table["reason"].isin(UNDECODABLE).tolist()  # without a hash, they resemble nothing
    settled = settle(groups, [known.get(photo) for photo in photos])
    kept = table[table["reason"].isna()]
    labels, of_kept, names = (kept[column].tolist() for column in ("label", "group", "photo"))
    settled |= set_aside(labels, of_kept, names, settled, unseen=config.unseen_classes, seed=config.seed)
    dealt = deal(
        labels,
        of_kept,
        names,
        settled,
        val_fraction=config.val_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
    )
    dealt = settled | dealt
    return [None if blind else dealt.get(group) for group, blind in zip(table["group"], unseen, strict=True)]


def _leave_out_untrained(config: FilterConfig, table: "pd.DataFrame") -> None:
    """Reject the photos of classes without a train photo, unless they are meant to have none.

    Those that it had are gone, or have moved to the test. Of classes that are meant to have none, those photos are
    rejected whose group trains, since most of its photos are of another class.
    """
    unseen = table["label"].isin(unseen_classes(table["label"], config.unseen_classes, config.seed))
    kept, trains = table["reason"].isna(), table["split"] == "train"
    untrained = kept & ~unseen & ~table["label"].isin(table.loc[kept & trains, "label"])
    table.loc[kept & unseen & trains, "reason"] = "unseen class"
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
            "look at the photos, or at the settings under filter"
        )
    if config.unseen_classes and len(trained := sorted(set(kept.loc[kept["split"] == "train", "label"]))) < 2:
        left = f"only the class {trained[0]!r}" if trained else "no class"
        raise UserError(
            f"{left} is left to train on, and a classifier needs two; of {len(labels):,}, the others are never trained "
            f"on (filter.unseen_classes={config.unseen_classes}): name fewer there, or lower it"
        )
    if not (kept["split"] == "test").any():
        raise UserError(
            "no photo is left for the test: give each class more photos, or raise filter.test_fraction "
            f"(it is {config.test_fraction:g})"
        )


def _warn_of_small_classes(kept: "pd.DataFrame") -> None:
    """Say which classes have one photo."""
    trained = kept.loc[kept["split"] == "train", "label"]
    sizes = kept.loc[kept["label"].isin(trained), "label"].value_counts()
    single = sorted(sizes.index[sizes == 1])
    if single:
        shown = ", ".join(single[:5]) + (" ..." if len(single) > 5 else "")
        logger.warning(
            "%d of %d classes have one photo, which trains and is never tested (more photos would tell): %s",
            len(single),
            len(sizes),
            shown,
        )


STAGE = Stage("filter", VERSION, build=build_kept, external_inputs=external_inputs)
