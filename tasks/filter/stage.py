"""The filter stage: which photos are kept, which are rejected and why, and which split each is in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.schema import FilterConfig
from tasks.filter import review_log
from tasks.filter.bursts import burst_names
from tasks.filter.fixed_test import read_test_list
from tasks.filter.given_splits import GivenSplits
from tasks.filter.group_hints import group_hints
from tasks.filter.groups import BURST, group_names, pattern_notes, split_groups
from tasks.filter.judge import judge, reject_label_issues, set_verdicts
from tasks.filter.large_groups import large_groups
from tasks.filter.measure import measure
from tasks.filter.memory.notes import memory_notes, tested_classes_note
from tasks.filter.memory.split_memory import SplitMemory
from tasks.filter.memory.update import RunSplits, once_trained, updated
from tasks.filter.notes import doubt_notes, loss_notes
from tasks.filter.removed import is_removable, name_groups, removed_from_test
from tasks.filter.review_keys import apply_decisions
from tasks.filter.review_log import Action, ReviewKey
from tasks.filter.rules import UNDECODABLE
from tasks.filter.splits import MIN_GROUPS_FOR_ALL, Split, count_leaks, hold_out_classes, resolve
from tasks.filter.summary import review_rows, summary
from tasks.filter.trainable import check_trainable, reject_untrained_classes, single_photos_note
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Result
from tasks.store.stage import Stage
from tasks.tables.crawl import PHOTOS
from tasks.tables.filter import ABSENT, KEPT, REJECTED, REMOVED, REVIEW
from tasks.tables.shared import SUMMARY

if TYPE_CHECKING:
    import pandas as pd

VERSION = 5


def build_kept(config: FilterConfig, *, photos: Path, context: StageContext) -> Result:
    """Write the tables of kept, rejected and removed photos, the list for the review, and a summary.

    Args:
        config: The settings of the filter.
        photos: Folder of the crawl's artifact.
        context: Where to read and write, and who computes.

    Returns:
        The counts, the digest of the kept photos, of those that are only scored and of absent ones that nothing may
        have been trained on, and the shards with their statistics.

    Raises:
        UserError: No classifier can be trained or tested on the kept photos, or a file of the user is invalid.
    """
    table = PHOTOS.read(photos).sort_values(["label", "rank", "photo", "name"])
    table = table.reset_index(drop=True)
    table["crawled_label"] = table["label"]
    decided = _apply_decisions(table, context)
    given = GivenSplits.of(table)
    sources = table[table.columns.intersection(["photo", "name", "page", "group"])].copy()
    memory = SplitMemory(config, context.root)
    with memory.lock:
        remembered = memory.read() or memory.old.take_over(memory.new(), context, set(table["photo"]))
        known = remembered.known(config)
        measured = measure(table, remembered, context)
        duplicates = measured.near_duplicates(config)
        judged = judge(config, table, given, measured, duplicates, decided=decided, context=context)
        notes = doubt_notes(config, table, judged.doubts, judged.by_rules.failed, duplicates)
        for note in notes:
            context.warn(note)
        set_verdicts(table, judged.verdicts, duplicates)
        all_photos = [*table["photo"], *measured.absent]
        bursts = {} if config.burst_s is None else burst_names(measured.taken, config.burst_s)
        links = remembered.links(config)
        groups = split_groups(config, table, duplicates.group, measured.absent, links, bursts=bursts)
        names = group_names(config, table) | {BURST: {row: name for row, name in bursts.items() if row < len(table)}}
        test_list = read_test_list(config, table, set(remembered.photos))
        for note in (*test_list.notes, *pattern_notes(config, table, names)):
            context.warn(note)
        table["group"] = groups[: len(table)]
        table["split"] = _assign_splits(
            config, table, given, groups, given.combine(all_photos, known, test_list.photos)
        )
        for note in given.notes(config, table, groups[: len(table)], test_list.photos):
            context.warn(note)
        for note in reject_label_issues(table, judged.beyond, config):
            context.warn(note)
        reject_untrained_classes(config, table)
        kept, rejected = table[table["reason"].isna()], table[table["reason"].notna()]
        check_trainable(
            config,
            table,
            large_groups(table, names, duplicates, min_photos=2),
            tested_classes_note(config, table, remembered),
        )
        generation = memory.write(new := updated(remembered, config, RunSplits(table, sources, measured, groups)))
    large = large_groups(table, names, duplicates, min_photos=MIN_GROUPS_FOR_ALL)
    notes_of_memory = memory_notes(config, table, remembered, measured, given.present)
    hints = [large, single_photos_note(kept), *group_hints(config, table, names, measured.taken[: len(table)])]
    for note in (*loss_notes(config, table), *notes_of_memory, *filter(None, hints)):
        context.warn(note)
    doubtful = len(judged.doubts.keys() & set(kept.index))
    leaks = count_leaks(groups, [known.get(photo) for photo in all_photos])

    kept, removed = name_groups(kept, removed_from_test(rejected, set(kept["label"])))
    KEPT.write(kept[KEPT.names], context.out)
    REJECTED.write(rejected.sort_values(["reason", "label", "photo", "name"])[REJECTED.names], context.out)
    REMOVED.write(removed[REMOVED.names], context.out)
    absent = once_trained(new, measured.absent)
    ABSENT.write(absent, context.out)
    memory.write_reference(context.out, generation)
    REVIEW.write(review_rows(table, judged.by_rules, judged.issues, decided), context.out)
    text = summary(
        kept, rejected, doubtful=doubtful, doubts=notes, reviewed=len(decided), leaks=leaks, root=context.root
    )
    SUMMARY.path(context.out).write_text(text + given.summary(), encoding="utf-8")
    counts = _counts(kept, rejected, doubtful=doubtful, reviewed=len(decided), leaks=leaks) | (
        {"removed from test": len(removed)} if len(removed) else {}
    )
    digested = [frame.to_dict("records") for frame in (kept[KEPT.names], removed[REMOVED.names], absent)]
    return Result(counts, digest=hashing.of_value(digested), refs=measured.refs)


def external_inputs(config: FilterConfig, root: Path) -> dict[str, str | int]:
    """Return what the result depends on besides the config and the crawl.

    That is how often the memory has changed (see `SplitMemory.check`), the decisions of people, and the
    content of files that the config names.

    Raises:
        UserError: A file can't be read, or the memory of the split is damaged, gone or too old.
    """
    inputs: dict[str, str | int] = {"moves": SplitMemory(config, root).check()}
    if review_log.read(root):
        inputs["decisions"] = review_log.digest(root)[:24]
    for setting in ("test_list", "face_model", "embedding"):
        if path := getattr(config, setting):
            inputs[setting] = hashing.of_user_file(path, f"filter.{setting}")
    return inputs


def _apply_decisions(table: "pd.DataFrame", context: StageContext) -> dict[int, Action]:
    """Return a person's decisions by row.

    The table gets the new label of rows that are moved, and a column `decided_as`: the class under which the decision
    was made, if it has been renamed since.
    """
    keys = list(map(ReviewKey._make, zip(table["photo"], table["label"], strict=True)))
    applied = apply_decisions(review_log.read(context.root), keys)
    for note in applied.notes:
        context.warn(note)
    table["decided_as"] = [applied.decided_as[key].label if key in applied.decided_as else None for key in keys]
    decided: dict[int, Action] = {}
    for row, key in enumerate(keys):
        if decision := applied.by_key.get(key):
            decided[row] = decision.action
            if decision.action == "move":
                table.loc[row, "label"] = decision.to
    return decided


def _assign_splits(
    config: FilterConfig,
    table: "pd.DataFrame",
    given: GivenSplits,
    groups: Sequence[int],
    known: Sequence[Split | None],
) -> list[Split | None]:
    """Return the split of each row of the table.

    Rejected photos have one, too, if a check of their content rejected them, or if they are in the group of a kept
    photo or of one with a known split.

    Args:
        config: The fractions, the unseen classes and the seed.
        table: The rows, with label, group and reason.
        given: The splits that the source gives.
        groups: Group of each row, followed by those of absent photos.
        known: Split of each element of `groups`, or None.
    """
    undecodable = table["reason"].isin(UNDECODABLE).tolist()  # they have no hash, so they resemble no other photo
    assigned = resolve(groups, known)
    for rows in (table["reason"].isna(), table["reason"].isna() | is_removable(table)):  # the kept ones first
        candidates = table[rows]
        labels, members, names = (candidates[column].tolist() for column in ("label", "group", "photo"))
        assigned |= hold_out_classes(labels, members, names, assigned, unseen=config.unseen_classes, seed=config.seed)
        assigned = given.deal(
            candidates, assigned, val_fraction=config.val_fraction, test_fraction=config.test_fraction, seed=config.seed
        )
    return [None if hidden else assigned.get(group) for group, hidden in zip(table["group"], undecodable, strict=True)]


def _counts(
    kept: "pd.DataFrame", rejected: "pd.DataFrame", *, doubtful: int, reviewed: int, leaks: int
) -> dict[str, int]:
    """Return the counts of the manifest: kept, rejected, each reason, each split; the others if they are not 0."""
    counts = {"kept": len(kept), "rejected": len(rejected), **rejected["reason"].value_counts().sort_index()}
    counts |= {split: (kept["split"] == split).sum() for split in ("train", "val", "test")}
    extra = {"doubtful": doubtful, "reviewed": reviewed, "leaks fixed": leaks}
    counts |= {name: count for name, count in extra.items() if count}
    return {str(name): int(count) for name, count in counts.items()}


STAGE = Stage("filter", VERSION, build=build_kept, external_inputs=external_inputs)
