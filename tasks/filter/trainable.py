"""Check that a classifier can be trained and tested on the kept photos."""

from typing import TYPE_CHECKING

from configs.schema import FilterConfig
from tasks.filter.notes import listed, losses_of, reasons
from tasks.filter.remedies import UNTRAINED
from tasks.filter.splits import unseen_classes
from tasks.names import visible
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def reject_untrained_classes(config: FilterConfig, table: "pd.DataFrame") -> None:
    """Reject the photos of classes without a train photo, except classes that must have none.

    A class can lose its train photos when they are gone or have moved to the test. In classes that must have none
    (`filter.unseen_classes`), photos are rejected whose group is in train, because most of its photos are of another
    class.

    Args:
        config: Names the classes that are never trained on.
        table: All rows, with label, split and reason; `reason` is changed in place.
    """
    unseen = table["label"].isin(unseen_classes(table["label"], config.unseen_classes, config.seed))
    kept, trains = table["reason"].isna(), table["split"] == "train"
    untrained = kept & ~unseen & ~table["label"].isin(table.loc[kept & trains, "label"])
    table.loc[kept & unseen & trains, "reason"] = "unseen class"
    table.loc[untrained, "reason"] = UNTRAINED


def check_trainable(
    config: FilterConfig, table: "pd.DataFrame", large_groups: str | None, tested: str | None = None
) -> None:
    """Raise UserError if no classifier can be trained or tested on the kept photos; the message says why.

    Args:
        config: The settings of the filter.
        table: All rows, see `notes.loss_notes`, with their split.
        large_groups: Which groups have most photos of a class, see `large_groups`.
        tested: Which classes have only photos that were tested before, see `tested_classes_note`.
    """
    kept = table[table["reason"].isna()]
    labels = sorted(set(kept["label"]))
    if len(labels) < 2:
        lost = sorted(set(table["crawled_label"]) - set(labels))
        why = listed((f"{visible(label)} lost {losses_of(table, label)}" for label in lost), separator="; ")
        left = f"only the class {labels[0]!r} has" if labels else "no class has"
        earlier = f"; {tested}" if tested else ""
        grouped = f"; {large_groups}" if large_groups and (table["reason"] == UNTRAINED).any() else ""
        raise UserError(
            f"{left} photos left after the filter, but a classifier needs two classes; of {len(table):,} photos it "
            f"rejected {len(table) - len(kept):,}: {why or 'none; add a second class'}{earlier}{grouped}"
        )
    if config.unseen_classes and len(trained := sorted(set(kept.loc[kept["split"] == "train", "label"]))) < 2:
        left = f"only the class {trained[0]!r}" if trained else "no class"
        raise UserError(
            f"{left} is left to train on, but a classifier needs two; of {len(labels):,} classes, the others are never "
            f"trained on (filter.unseen_classes={config.unseen_classes}): name fewer classes there, or lower the share"
        )
    if not (kept["split"] == "test").any():
        if large_groups and config.test_fraction:
            raise UserError(f"no photo is left for the test: {large_groups}")
        rejected = (
            f"; of {len(table):,} photos the filter rejected {len(table) - len(kept):,}: {', '.join(reasons(table))}"
        )
        raise UserError(
            "no photo is left for the test: add photos to each class, or raise filter.test_fraction "
            f"(it is {config.test_fraction:g}){rejected if len(kept) < len(table) else ''}"
        )


def single_photos_note(kept: "pd.DataFrame") -> str | None:
    """Return a message with the classes that have only one photo; None if there are none."""
    trained = kept.loc[kept["split"] == "train", "label"]
    sizes = kept.loc[kept["label"].isin(trained), "label"].value_counts()
    single = sorted(sizes.index[sizes == 1])
    if not single:
        return None
    return (
        f"{len(single):,} of {len(sizes):,} classes have one photo, which is trained on, so these classes are never "
        f"tested; add photos to them: {listed(map(visible, single))}"
    )
