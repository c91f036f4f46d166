"""What is gone since the last good run, and what is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from flows.nights.changes import Change, compare, low_yields


def photos(classes: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """A table of photos; a photo is called by a number."""
    rows = [(f"{number:03d}", label) for label, numbers in classes.items() for number in numbers]
    return pd.DataFrame(rows, columns=["photo", "label"])


def rejected(reasons: Mapping[int, tuple[str, int | None]]) -> pd.DataFrame:
    """A table of rejected photos: reason and twin of each."""
    rows = [(f"{n:03d}", reason, None if twin is None else f"{twin:03d}") for n, (reason, twin) in reasons.items()]
    return pd.DataFrame(rows, columns=["photo", "reason", "twin"])


def changes(
    before: Mapping[str, Sequence[int]],
    now: Mapping[str, Sequence[int]],
    rejects: Mapping[int, tuple[str, int | None]] | None = None,
    missing: float = 0.5,
) -> list[Change]:
    """Compare two runs."""
    rejects = rejects or {}
    kept = photos(now)
    crawled = pd.concat([kept, photos({"": list(rejects)})])
    return compare(photos(before), crawled, kept, rejected(rejects), missing=missing, run="R")


A, B, C = range(10), range(10, 20), range(20, 30)


def test_nothing_is_said_about_more_photos_and_few_lost_ones() -> None:
    assert changes({"a": A, "b": B}, {"a": [*A, 90, 91], "b": B[1:], "new": C}) == []


def test_a_class_without_photos_is_gone_with_the_reasons() -> None:
    rejects = dict.fromkeys(B[:4], ("too dark", None))
    [change] = changes({"a": A, "b": B, "c": C}, {"a": A, "c": C}, rejects)
    assert change.is_loss
    assert change.text == "1 class is gone since run R: 'b' (10 photos: 6 not found, 4 too dark)"


def test_more_than_the_limit_of_a_class_is_a_loss_and_exactly_the_limit_is_not() -> None:
    assert changes({"a": A, "b": B}, {"a": A, "b": B[5:]}) == []
    [change] = changes({"a": A, "b": B}, {"a": A, "b": B[6:]})
    assert change.is_loss
    assert "'b' (6 of 10: 6 not found)" in change.text
    assert changes({"a": A, "b": B}, {"a": A, "b": B[6:]}, missing=0.6) == []


def test_a_class_with_other_photos_under_its_old_name_has_lost_its_own() -> None:
    [change] = changes({"a": A, "b": B}, {"a": A, "b": C})
    assert "'b' (10 of 10: 10 not found)" in change.text


def test_half_of_all_photos_gone_is_said_though_no_class_has_lost_more_than_the_limit() -> None:
    assert [change.text for change in changes({"a": A, "b": B}, {"a": A[4:], "b": B[4:]}, missing=0.4)] == []
    lost = changes({"a": A, "b": B}, {"a": A[5:], "b": B[5:]}, missing=0.45)
    assert "10 of the 20 photos of run R are gone: 10 not found" in [change.text for change in lost]


def test_a_renamed_class_is_no_loss() -> None:
    [change] = changes({"a": A, "b": B}, {"a": A, "bee": [*B[1:], 95]})
    assert not change.is_loss
    assert "class 'b' is called 'bee' now: 9 of its 10 photos" in change.text


def test_a_class_that_was_put_into_another_is_no_loss_but_said() -> None:
    [change] = changes({"a": A, "b": B}, {"a": [*A, *B]})
    assert not change.is_loss
    assert "class 'b' is joined with 'a' now" in change.text


def test_duplicates_of_kept_photos_are_not_gone() -> None:
    rejects = {number: ("near duplicate", number + 10) for number in B}
    assert changes({"a": A, "b": B}, {"a": A, "b": C}, rejects) == []


def searches(*rows: tuple[str, int, int, str | None]) -> pd.DataFrame:
    """A table of searches: engine, pages, found, trouble."""
    return pd.DataFrame(rows, columns=["engine", "pages", "found", "trouble"])


def test_an_engine_that_finds_nothing_any_more_is_a_loss_with_its_error() -> None:
    earlier = [searches(("openverse", 4, 80, None), ("commons", 2, 60, None))]
    [change] = low_yields(searches(("openverse", 0, 0, "HTTP 403"), ("commons", 1, 30, None)), earlier, 0.5)
    assert change.is_loss
    assert change.text == "openverse found nothing in 1 search (HTTP 403); in the last run, it was 20.0 photos a page"
    assert change.is_low_yield


def test_an_engine_that_finds_less_than_half_as_much_is_a_loss() -> None:
    [change] = low_yields(searches(("openverse", 4, 30, None)), [searches(("openverse", 4, 80, None))], 0.5)
    assert change.is_loss
    assert change.text == "openverse found 7.5 photos a page in 1 search; in the last run, it was 20.0 photos a page"


@pytest.mark.parametrize("earlier", [[], [("flickr", 3, 2, None)]])
def test_an_engine_that_finds_nothing_is_no_loss_if_it_never_found_much(earlier: list[Any]) -> None:
    now = searches(*[("flickr", 0, 0, "blocked: captcha")] * 2, ("flickr", 1, 0, "no answer"))
    [change] = low_yields(now, [searches(*earlier)], 0.5)
    assert (change.is_loss, change.is_low_yield) == (False, True)
    assert change.text == "flickr found nothing in 3 searches (blocked: captcha)"


def test_an_engine_that_was_asked_for_nothing_is_not_weak() -> None:
    assert low_yields(searches(("openverse", 0, 0, None)), [searches(("openverse", 4, 80, None))], 0.5) == []


def test_an_engine_that_was_asked_for_fewer_pages_is_not_weak() -> None:
    assert low_yields(searches(("openverse", 1, 19, None)), [searches(("openverse", 40, 800, None))], 0.5) == []


def test_one_good_night_of_an_engine_among_bad_ones_does_not_count() -> None:
    bad, good = searches(("openverse", 10, 30, None)), searches(("openverse", 10, 200, None))
    assert low_yields(searches(("openverse", 10, 28, None)), [bad, good, bad], 0.5) == []


@pytest.mark.parametrize("now", [None, searches()])
def test_without_searches_no_engine_is_weak(now: pd.DataFrame | None) -> None:
    assert low_yields(now, [searches(("openverse", 10, 200, None))], 0.5) == []
