"""A list of URLs is the user's own: what can't be had is said, and above `crawl.max_loss` the crawl fails."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.crawl.sources import urls
from tasks.store.context import StageContext
from tasks.store.errors import TransientError, UserError
from tasks.tables.crawl import DROPPED
from tests.helpers.scripted_engine import photo

GOOD = 20


def crawl(home: Path, site: Any, paths: list[str], **settings: Any) -> tuple[CrawlResult, list[str]]:
    """Return the result of a list with 20 good photos and these paths, and the notes."""
    for number in range(GOOD):
        site.on(f"/good{number}", photo(f"{number}"))
    listed = [*(f"/good{number}" for number in range(GOOD)), *paths]
    lines = [f"{site.url}{path},{('cat', 'dog')[number % 2]}" for number, path in enumerate(listed)]
    (home / "urls.csv").write_text("\n".join(["url,label", *lines, ""]))
    context = StageContext(home, home / "out", home / "pools", home / "photos")
    config = CrawlConfig(
        **{
            "sources": "urls",
            "path": home / "urls.csv",
            "requests_per_s": 1000,
            "retries": 0,
            "private_hosts": (urlsplit(site.url).netloc,),
            **settings,
        }
    )
    blocked = settings.pop("blocklist", ())
    with Ledger(home / "ledger", context.photos, blocklist=blocked) as ledger:
        return urls.collect(config, ledger, context), context.notes


def test_a_few_lost_urls_are_said_with_the_reason_and_the_table(site: Any, tmp_path: Path) -> None:
    site.on("/page", b"<html>sign in")
    result, notes = crawl(tmp_path, site, ["/gone", "/page"])
    assert len(result.rows) == GOOD
    (note,) = notes
    lost = f"{site.url}/gone, {site.url}/page"
    assert note.startswith(f"2 of 22 URLs of {tmp_path / 'urls.csv'} can't be had (1 x HTTP 404, 1 x ")
    assert note.endswith(f"): {lost}; correct or remove those that the crawl's {DROPPED.name} lists")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, UserError),
        (410, UserError),
        (503, TransientError),
        pytest.param(429, TransientError, marks=pytest.mark.slow),
    ],
)
def test_more_than_max_loss_fails_the_crawl_with_the_remedy(
    site: Any, tmp_path: Path, status: int, kind: type[UserError]
) -> None:
    gone = [f"/gone{number}" for number in range(6)]
    for path in gone:
        site.on(path, site.status(status))
    with pytest.raises(
        UserError,
        match=rf"6 of 26 URLs of .*urls.csv can't be had .6 x HTTP {status}.: .*max_loss allows 20.*or raise crawl",
    ) as error:
        crawl(tmp_path, site, gone)
    assert type(error.value) is kind
    (table,) = tmp_path.rglob(DROPPED.name)
    assert f"correct or remove those that {table} lists" in str(error.value)
    assert set(DROPPED.read(table.parent)["url"]) == {f"{site.url}{path}" for path in gone}
    assert len(list((tmp_path / "photos").rglob("*.png"))) == GOOD
    assert len(crawl(tmp_path, site, gone, max_loss=0.25)[0].rows) == GOOD


def test_min_yield_0_only_says_it(site: Any, tmp_path: Path) -> None:
    result, notes = crawl(tmp_path, site, [f"/gone{number}" for number in range(9)], min_yield=0)
    assert len(result.rows) == GOOD
    assert notes[0].startswith("9 of 29 URLs ")


@pytest.mark.slow
def test_the_same_photo_and_photos_that_are_not_needed_are_not_lost(site: Any, tmp_path: Path) -> None:
    same = [f"/same{number}" for number in range(10)]
    for path in same:
        site.on(path, photo("0"))
    assert crawl(tmp_path, site, same)[1] == []
    gone = [f"/gone{number}" for number in range(10)]
    assert len(crawl(tmp_path, site, gone, per_class=3)[0].rows) == 6


@pytest.mark.slow
def test_the_end_of_the_time_is_no_loss(site: Any, tmp_path: Path) -> None:
    slow = [f"/slow{number}" for number in range(8)]
    for path in slow:
        site.on(path, site.stall)
    result, notes = crawl(tmp_path, site, slow, deadline_s=1.5, timeout_s=60)
    assert len(result.rows) == GOOD
    assert any("ended early: out of time" in note for note in notes)
    assert not any("can't be had" in note for note in notes)
