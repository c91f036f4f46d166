"""Compare the answers of two models, and rule whether the new one is used."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from flows.models import gate
from flows.models.case import Case, Judged
from flows.models.compare import NotComparableError, answers
from flows.models.differences import Differences, differences
from flows.models.registry import Registry
from flows.models.test_list import Growth
from flows.models.uncompared import without_comparison
from flows.models.waiting import admit
from tasks import tables
from tasks.store.json_file import read_json
from tasks.text import first_few

_STORED_CLASSES = 100
"""So many classes are stored with a decision: each history is written anew with every decision."""


def judge(case: Case, growth: Growth) -> Judged:
    """Say what becomes of the challenger, and which photos join the test list.

    Args:
        case: Both models.
        growth: The listed photos, and those of this run that may join them.
    """
    if judged := without_comparison(case, growth):
        return judged
    champion, name = case.champion, case.registry.name
    assert champion is not None, "without a champion, the new model is used"
    against: dict[str, Any] = {"champion": champion.id}
    notes = [*growth.notes(), *_lost_classes(case, growth)]
    try:
        given = answers(case.store, case.record, champion, growth.rows, threads=case.threads, progress=case.progress)
    except NotComparableError as error:
        return case.undecided(f"{error}; see `fluke testlist {name}`", against | {"notes": notes})
    admission = admit(growth, dict(zip(given.photos, given.doubted.tolist(), strict=True)))
    given = given.only(~given.among(admission.waits))
    # A new class makes the others harder, so photos that were listed before aren't compared alone then.
    has_new_class = not set(admission.listed["label"]) <= set(growth.settled["label"])
    settled = None if has_new_class else given.among(growth.settled["photo"])
    found = differences(
        case.measured["headline"],
        given.challenger,
        given.champion,
        given.groups,
        given.names,
        settled=settled,
        resamples=case.config.evaluate.bootstrap,
        seed=case.config.evaluate.seed,
    )
    pinned = int(growth.rows["since"].min())
    below_best = _below_best(case.registry, champion.id, pinned)
    ruling = gate.rule(found, case.config.promote, case.measured, below_best)
    against |= _numbers(found) | {
        "notes": [*notes, *given.notes, *admission.notes()],
        "pinned": pinned,
        "below_best": round(max(0.0, below_best - found.difference.value), 6),
    }
    return replace(case.judged(ruling, against | {"also": list(ruling.also)}), admission=admission)


def _lost_classes(case: Case, growth: Growth) -> Iterator[str]:
    """Say which classes of the list the new model doesn't know: nobody can get those photos right."""
    known = read_json(tables.train.LABELS.path(case.folder("train")), list[str])
    lost = growth.settled[~growth.settled["label"].isin(known)]
    if len(lost):
        photos = "1 listed photo" if len(lost) == 1 else f"{len(lost):,} listed photos"
        yield (
            f"the new model does not know the class of {photos} ({first_few(sorted(set(lost['label'])))}); if that "
            f"is right, `fluke testlist {case.registry.name} --refresh` pins the present test photos"
        )


def _below_best(registry: Registry, champion: str, pinned: int) -> float:
    """Return how far the champion is below the best one before it, on the same list; 0 where nobody has measured it."""
    promotions = [each for each in registry.history() if each.run == champion and each.outcome == "promoted"]
    compared = promotions[-1].compared if promotions else {}
    return float(compared.get("below_best", 0.0)) if compared.get("pinned") == pinned else 0.0


def _numbers(found: Differences) -> dict[str, Any]:
    """Return the numbers behind a ruling, as the registry stores them; of the classes, those that changed most."""
    changed = [each for each in found.classes if each.champion != each.challenger]
    changed = sorted(changed, key=lambda each: (-abs(each.loss), each.label))[:_STORED_CLASSES]
    return {
        "metric": found.metric,
        "photos": found.photos,
        "groups": found.groups,
        "champion_score": found.champion,
        "score": asdict(found.challenger),
        "difference": asdict(found.difference),
        "settled": asdict(found.settled) if found.settled else None,
        "classes": [asdict(each) for each in changed],
    }
