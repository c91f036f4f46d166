"""Judge all rows: by the rules and the decisions of people first, and by label issues once the splits are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from configs.schema import FilterConfig
from tasks.filter.given_splits import GivenSplits
from tasks.filter.measure import Measurements, count_faces, embed
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.notes import listed
from tasks.filter.remedies import mirrored_rows, setting
from tasks.filter.review_log import Action
from tasks.filter.rules import FACES, NEAR_DUPLICATE, TWO_CLASSES, Ruling, Verdict, apply_rules
from tasks.names import visible
from tasks.store.context import StageContext
from tasks.text import photos_are

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Judgement:
    """What is found about all rows before they have a split."""

    by_rules: Ruling
    """The verdicts without the decisions of people."""
    verdicts: Sequence[Verdict]
    """The verdicts with the decisions of people."""
    doubts: Mapping[int, list[Verdict]]
    """The doubtful rows that are kept, and what they fail."""
    issues: Mapping[int, list[Verdict]]
    """The label issues of rows that have any, for the review."""
    beyond: Mapping[int, Verdict]
    """The accepted rows with a label issue beyond its threshold. They are rejected if they are in train."""


def judge(
    config: FilterConfig,
    table: "pd.DataFrame",
    given: GivenSplits,
    measured: Measurements,
    duplicates: NearDuplicates,
    *,
    decided: Mapping[int, Action],
    context: StageContext,
) -> Judgement:
    """Apply the rules and the decisions of people to all rows, and find the label issues of those that pass.

    Args:
        config: The settings of the filter.
        table: All rows, with photo, file, label and crawled_label.
        given: The splits that the source gives.
        measured: The statistics of the rows.
        duplicates: The near duplicates among the rows.
        decided: Decisions of people, by row.
        context: Who computes.
    """
    by_rules = ruling = _ruling(config, table, given, measured, duplicates, context=context)
    issues = _find_label_issues(config, table, by_rules.verdicts, duplicates, context)
    if decided:
        ruling = _ruling(
            config,
            table,
            given,
            measured,
            duplicates,
            decided=decided,
            suspended=by_rules.suspended,
            context=context,
        )
    accepted = {row for row in issues if row not in decided and not ruling.verdicts[row].reason}
    beyond = {row: verdict for row in sorted(accepted) if (verdict := _beyond(issues[row]))}
    doubts = {row: found for row, found in ruling.doubts.items() if not ruling.verdicts[row].reason}
    return Judgement(by_rules, ruling.verdicts, doubts, issues, beyond)


def set_verdicts(table: "pd.DataFrame", verdicts: Sequence[Verdict], duplicates: NearDuplicates) -> None:
    """Set reason, score and twin of each row, and whether it is rejected only because it is a mirror image."""
    table["reason"] = [verdict.reason for verdict in verdicts]
    table["score"] = [verdict.score for verdict in verdicts]
    table["twin"] = [None if v.duplicate_of is None else table["photo"][v.duplicate_of] for v in verdicts]
    mirrored: set[int] = set()
    for reason in (NEAR_DUPLICATE, TWO_CLASSES):
        found = [(row, v.duplicate_of) for row, v in enumerate(verdicts) if v.reason == reason]
        mirrored |= mirrored_rows(reason, {row: twin for row, twin in found if twin is not None}, duplicates)
    table["is_mirrored"] = table.index.isin(mirrored)


def reject_label_issues(table: "pd.DataFrame", beyond: Mapping[int, Verdict], config: FilterConfig) -> list[str]:
    """Reject the train photos whose label issue is beyond its threshold; those of validation and test stay.

    What a model doubts is often what a model gets wrong. Without it, the test would be easier, and the classifier no
    better. For the same reason, a class whose train photos are all doubted keeps them: without any, its photos of
    validation and test would go as well.

    Args:
        table: All rows, with split; `reason` and `score` are changed in place.
        beyond: See `Judgement`.
        config: The thresholds.

    Returns:
        One line for each kind of label issue that photos of validation or test have beyond its threshold, and one with
        the classes whose train photos are all doubted.
    """
    spared = _wholly_doubted(table, beyond)
    exams: dict[str, list[str]] = {}
    for row, verdict in beyond.items():
        if table.at[row, "split"] == "train":
            if table.at[row, "label"] not in spared:
                table.loc[row, ["reason", "score"]] = [verdict.reason, verdict.score]
        else:
            exams.setdefault(str(verdict.reason), []).append(str(table.at[row, "split"]))
    notes = [
        f"{photos_are(len(splits))} beyond the limit of {reason!r}{setting(reason, config)} but in the test "
        f"({splits.count('test'):,}) or validation ({splits.count('val'):,}); no model's doubt removes photos from "
        "there, so they are kept; `fluke review` shows them to a person"
        for reason, splits in sorted(exams.items())
    ]
    if spared:
        notes.append(
            "all train photos of these classes are beyond the limit of a label issue; none is rejected, because "
            f"without them the classes' photos of the test would go as well: {listed(map(visible, sorted(spared)))}; "
            "`fluke review` shows them to a person"
        )
    return notes


def _wholly_doubted(table: "pd.DataFrame", beyond: Mapping[int, Verdict]) -> set[str]:
    """Return the classes with photos in validation or test whose train photos are all beyond a threshold."""
    kept, trains = table["reason"].isna(), table["split"] == "train"
    accepted = table.loc[kept & trains & ~table.index.isin(list(beyond)), "label"]
    return set(table.loc[kept & trains, "label"]).intersection(table.loc[kept & ~trains, "label"]).difference(accepted)


def _ruling(
    config: FilterConfig,
    table: "pd.DataFrame",
    given: GivenSplits,
    measured: Measurements,
    duplicates: NearDuplicates,
    *,
    context: StageContext,
    decided: Mapping[int, Action] | None = None,
    suspended: Mapping[str, set[str]] | None = None,
) -> Ruling:
    """Return the verdicts on all rows, by all rules except label issues; see `apply_rules`."""
    labels = (table["label"] if decided else table["crawled_label"]).tolist()
    ruling = apply_rules(
        measured.stats,
        table["photo"].tolist(),
        labels,
        duplicates,
        config,
        decided=decided,
        suspended=suspended,
        preference=given.preference(),
    )
    if config.faces:
        verdicts = ruling.verdicts
        rows = [row for row, verdict in enumerate(verdicts) if not verdict.reason and row not in (decided or {})]
        least, most = config.faces
        for row, count in zip(rows, count_faces(config, table.loc[rows], context), strict=True):
            if not least <= count <= most:
                verdicts[row] = Verdict(FACES, count, least if count < least else most)
    return ruling


def _find_label_issues(
    config: FilterConfig,
    table: "pd.DataFrame",
    verdicts: Sequence[Verdict],
    duplicates: NearDuplicates,
    context: StageContext,
) -> dict[int, list[Verdict]]:
    """Return the label issues of accepted rows that have any."""
    if not config.label_issues and config.max_outlier is None and config.max_label_doubt is None:
        return {}
    from tasks.filter.label_issues.rank import rank_label_issues

    rows = [row for row, verdict in enumerate(verdicts) if not verdict.reason]
    labels, groups = table.loc[rows, "crawled_label"].tolist(), [duplicates.group[row] for row in rows]
    embedding = embed(config, table.loc[rows], context)
    found: dict[int, list[Verdict]] = {}
    for position, verdict in rank_label_issues(embedding, labels, groups, config):
        found.setdefault(rows[position], []).append(verdict)
    return found


def _beyond(issues: Sequence[Verdict]) -> Verdict | None:
    """Return the first label issue with a score above its threshold."""
    return next((issue for issue in issues if issue.threshold is not None and issue.score > issue.threshold), None)
