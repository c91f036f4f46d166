"""What is gone since the last good run: classes, photos, and what search engines find.

A disk that is not mounted, a renamed folder or a dead engine leaves fewer photos, and a model that is trained on the
rest no longer knows a class. What a person has removed is not gone: photos that `fluke review` rejected or moved,
photos that `fluke forget` deleted. Nor is what nobody asks for any more, because its keywords or its rows in a CSV were
removed: that is said, but it is no loss.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.schema import WHOLE_PATHS, Config
from flows.nights.asked_for import AskedFor
from flows.run_records import RunRecord, read_records
from tasks.crawl import blocklist
from tasks.filter import review_log
from tasks.names import visible
from tasks.store.manifest import Artifact
from tasks.store.store import Store
from tasks.tables.crawl import PHOTOS, SEARCHES
from tasks.tables.filter import KEPT, REJECTED
from tasks.text import first_few, percent

if TYPE_CHECKING:
    import pandas as pd

_PLACE = ("sources", "path", "images", "columns", "split")
"""The settings of the crawl that say where the photos are. With others, it is no loss that the photos are others."""
_RUNS = 5
"""So many earlier runs say what a search engine usually finds."""
_LEAST_FOUND = 20
"""An engine that has found fewer URLs in a run says nothing by finding none."""


@dataclass(frozen=True)
class Change:
    """Something that is not as in the last good run."""

    text: str
    """One line: what, how many, and which run had it."""
    is_loss: bool
    """Whether a scheduled run ends because of it, as far as the settings say so."""
    is_low_yield: bool = False
    """Whether it is about a search engine."""


def find_changes(store: Store, config: Config, record: RunRecord, crawl: Artifact, filtered: Artifact) -> list[Change]:
    """Compare the photos of a run with those of the last good run of the same name from the same place.

    Args:
        store: The store of artifacts.
        config: The settings of the run.
        record: Its record.
        crawl: Its artifact of the crawl.
        filtered: Its artifact of the filter.

    Returns:
        What has changed, the losses first. Without an earlier run whose photos are known: only search engines that
        found nothing.
    """
    earlier, missing = _earlier(store, config, record), config.changes.missing
    searches = [_searches(store.folder(artifact_of(run, "crawl"))) for run in earlier]
    low = low_yields(_searches(store.folder(crawl)), [each for each in searches if each is not None], missing)
    if not earlier:
        return low
    last = earlier[0]
    if artifact_of(last, "filter") == filtered and artifact_of(last, "crawl") == crawl:
        return low
    now, before = store.folder(filtered), store.folder(artifact_of(last, "filter"))
    expected = KEPT.read(before, ["photo", "label", "name"])
    expected = expected[~expected["photo"].isin(_removed(store.root))]
    found = compare(
        expected,
        PHOTOS.read(store.folder(crawl), ["photo"]),
        KEPT.read(now, ["photo", "label"]),
        REJECTED.read(now, ["photo", "reason", "twin"]),
        missing=missing,
        run=last.id,
        withdrawn=AskedFor.of(config.crawl).withdrawn(expected),
    )
    return sorted([*found, *low], key=lambda change: not change.is_loss)


def artifact_of(record: RunRecord, stage: str) -> Artifact:
    """Return the artifact of a stage in a run; raises StopIteration if it didn't get there."""
    return next(each.artifact for each in record.stages if each.artifact.stage == stage)


def compare(
    before: "pd.DataFrame",
    crawled: "pd.DataFrame",
    kept: "pd.DataFrame",
    rejected: "pd.DataFrame",
    *,
    missing: float,
    run: str,
    withdrawn: Collection[str] = (),
) -> list[Change]:
    """Compare the photos that are kept now with those that a run had.

    A photo that is rejected as the duplicate of a kept one is still there. A class whose photos are in another class
    now was renamed, or joined with that one.

    Args:
        before: Photo and label of each photo that the run kept, without what a person has removed since.
        crawled: The photos of the present crawl.
        kept: Photo and label of each photo that is kept now.
        rejected: Photo, reason and twin of each photo that is rejected now.
        missing: Share of all photos, or of those of a class, that may be gone, 0..1.
        run: The ID of the run.
        withdrawn: Photos that nobody asks for any more, see `AskedFor.withdrawn`.
    """
    import pandas as pd

    labels = dict(zip(kept["photo"], kept["label"], strict=True))
    twins = dict(zip(rejected["photo"], rejected["twin"], strict=True))
    now = pd.Series([labels.get(photo) or labels.get(twins.get(photo, "")) for photo in before["photo"]], dtype="str")
    before = before.assign(now=now.to_numpy())
    why = dict(zip(rejected["photo"], rejected["reason"], strict=True)) | dict.fromkeys(
        set(before["photo"]).difference(crawled["photo"], rejected["photo"]), "not found"
    )
    present, known = set(kept["label"]), set(before["label"])
    is_withdrawn = before["now"].isna() & before["photo"].isin(list(withdrawn))
    no_longer = list(_no_longer(before, is_withdrawn, run))
    before = before[~is_withdrawn]
    lost, thinned, moved = _of_classes(before, present, known, missing, why)
    gone = before[before["now"].isna()]
    changes = []
    if lost:
        what = "1 class is" if len(lost) == 1 else f"{len(lost):,} classes are"
        changes.append(Change(f"{what} gone since run {run}: {first_few(lost)}", is_loss=True))
    if thinned:
        what = f"more than {percent(missing, 0)} of the photos of {len(thinned):,} class{'es' * (len(thinned) > 1)}"
        changes.append(Change(f"{what} are gone since run {run}: {first_few(thinned)}", is_loss=True))
    if len(gone) > missing * len(before):
        changes.append(
            Change(
                f"{len(gone):,} of the {len(before):,} photos of run {run} are gone: {_reasons(gone['photo'], why)}",
                is_loss=True,
            )
        )
    others = [*(f"{text}, as far as run {run} had them" for text in moved), *no_longer]
    return changes + [Change(text, is_loss=False) for text in others]


def _of_classes(
    before: "pd.DataFrame", present: Collection[str], known: Collection[str], missing: float, why: Mapping[str, str]
) -> tuple[list[str], list[str], list[str]]:
    """Say which classes are gone, which have lost more than a share `missing` of their photos, and which have moved.

    Args:
        before: Photo and label of each photo before, and the class that it has `now`, if any.
        present: The classes that have photos now.
        known: The classes that had photos before.
        missing: Share of the photos of a class that may be gone, 0..1.
        why: Why a photo is gone.
    """
    lost, thinned, moved = list[str](), list[str](), list[str]()
    for label, photos in before.groupby("label"):
        name, gone = f"{visible(str(label))!r}", photos[photos["now"].isna()]
        elsewhere = photos.loc[photos["now"].notna() & (photos["now"] != label), "now"].value_counts()
        if label not in present and len(elsewhere) and elsewhere.iloc[0] >= len(photos) / 2:
            verb = "is joined with" if elsewhere.index[0] in known else "is called"
            moved.append(
                f"class {name} {verb} {visible(str(elsewhere.index[0]))!r} now: {elsewhere.iloc[0]:,} of its "
                f"{len(photos):,} photos are there"
            )
        elif label not in present:
            lost.append(f"{name} ({len(photos):,} photos: {_reasons(gone['photo'], why)})")
        elif len(gone) > missing * len(photos):
            thinned.append(f"{name} ({len(gone):,} of {len(photos):,}: {_reasons(gone['photo'], why)})")
    return lost, thinned, moved


def _no_longer(before: "pd.DataFrame", is_withdrawn: "pd.Series[bool]", run: str) -> Iterator[str]:
    """Say which classes, and how many photos of others, nobody asks for any more."""
    classes = before.assign(withdrawn=is_withdrawn).groupby("label")["withdrawn"].agg(["sum", "all"])
    whole = classes[classes["all"]]
    if len(whole):
        named = first_few([f"{visible(str(label))!r} ({count:,} photos)" for label, count in whole["sum"].items()])
        what = "1 class of run" if len(whole) == 1 else f"{len(whole):,} classes of run"
        yield f"{what} {run} {'is' if len(whole) == 1 else 'are'} no longer asked for: {named}"
    if rest := int(classes.loc[~classes["all"], "sum"].sum()):
        yield f"{rest:,} photo{'s' * (rest != 1)} of run {run} {'is' if rest == 1 else 'are'} no longer in the list"


def _reasons(photos: Iterable[str], why: Mapping[str, str]) -> str:
    """Count why photos are gone, the commonest reason first: `390 not found, 10 too dark`."""
    counts: dict[str, int] = {}
    for photo in photos:
        reason = why.get(photo, "in another class")
        counts[reason] = counts.get(reason, 0) + 1
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return first_few([f"{counts[reason]:,} {reason}" for reason in ordered])


def low_yields(now: "pd.DataFrame | None", earlier: Sequence["pd.DataFrame"], missing: float) -> list[Change]:
    """Find the search engines that find nothing, or far less than usual.

    How much a search looks for depends on how many photos its class lacks, so what counts is the number of URLs for
    each page that was read, in comparison with the median of earlier runs. An engine that found little there too has
    lost nothing, but is told of if it finds nothing.

    Args:
        now: The searches of the present crawl, see `tables.crawl.SEARCHES`; None if there are none.
        earlier: Those of earlier runs.
        missing: Share of the URLs that may be missing, 0..1.
    """
    if now is None:
        return []
    usual: dict[str, list[float]] = {}
    for searches in earlier:
        for engine, rows in searches.groupby("engine"):
            if rows["found"].sum() >= _LEAST_FOUND:
                usual.setdefault(str(engine), []).append(_per_page(rows))
    changes = []
    for engine, rows in now.groupby("engine"):
        errors = rows["trouble"].dropna().value_counts()
        if not rows["pages"].sum() and errors.empty:  # it was asked for nothing
            continue
        values, nothing = sorted(usual.get(str(engine), ())), not rows["found"].sum()
        median = values[len(values) // 2] if values else 0.0
        if not nothing and _per_page(rows) >= (1 - missing) * median:
            continue
        amount = "nothing" if nothing else f"{_per_page(rows):.1f} photos a page"
        asked = "1 search" if len(rows) == 1 else f"{len(rows):,} searches"
        text = f"{engine} found {amount} in {asked}"
        text += f" ({errors.index[0]})" if len(errors) else ""
        if values:
            runs = "the last run" if len(values) == 1 else f"the last {len(values)} runs"
            text += f"; in {runs}, it was {median:.1f} photos a page"
        changes.append(Change(text, is_loss=bool(values), is_low_yield=True))
    return changes


def _per_page(searches: "pd.DataFrame") -> float:
    """Return the mean number of URLs on a page of results."""
    return float(searches["found"].sum() / max(1, searches["pages"].sum()))


def _searches(crawl: Path) -> "pd.DataFrame | None":
    """Read the searches of a crawl; None if it is no longer stored, or had none."""
    return SEARCHES.read(crawl, ["engine", "pages", "found", "trouble"]) if SEARCHES.path(crawl).exists() else None


def _earlier(store: Store, config: Config, record: RunRecord) -> list[RunRecord]:
    """Return the last good runs of the same name and place whose photos are known, the newest first."""
    place = _place(config.model_dump(mode="json", context=WHOLE_PATHS))
    found: Iterator[RunRecord] = (
        run
        for run in read_records(store.root)
        if run.is_good
        and run.model_name == record.model_name
        and run.order < record.order
        and _place(run.config) == place
        and KEPT.path(store.folder(artifact_of(run, "filter"))).exists()
    )
    return [run for _, run in zip(range(_RUNS), found, strict=False)]


def _place(config: Mapping[str, Any]) -> list[object]:
    crawl = config.get("crawl", {})
    return [crawl.get(name) for name in _PLACE]


def _removed(root: Path) -> Collection[str]:
    """Return the SHA-256 of the photos that a person has forgotten, rejected or moved to another class."""
    decided = (key.photo for key, decision in review_log.read(root).items() if decision.action in ("reject", "move"))
    return blocklist.read(root).union(decided)
