"""A list of URLs: downloaded in its order, or an error with a remedy."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.demo.photos import photo_set
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.crawl.sources import urls
from tasks.store.context import StageContext
from tasks.store.errors import UserError

PHOTOS = list(photo_set().photos.values())[:6]


def config(home: Path, text: str, **settings: Any) -> CrawlConfig:
    (home / "urls.csv").write_text(text, encoding="utf-8")
    return CrawlConfig(sources="urls", path=home / "urls.csv", requests_per_s=1000, min_yield=0, **settings)


def collect(home: Path, text: str, site: Any, **settings: Any) -> CrawlResult:
    context = StageContext(home, home / "out", home / "pools", home / "photos")
    with Ledger(home / "ledger", context.photos) as ledger:
        return urls.collect(config(home, text, private_hosts=(urlsplit(site.url).netloc,), **settings), ledger, context)


def test_photos_are_in_file_order_with_licence_and_author(site: Any, tmp_path: Path) -> None:
    for number, photo in enumerate(PHOTOS):
        site.on(f"/{number}", photo)
    text = "Label, url ,licence,author\n" + "".join(
        f"{'cat' if number < 4 else 'dog'},{site.url}/{number},CC0,me\n" for number in (0, 1, 9, 2, 3, 4, 5, 0)
    )
    result = collect(tmp_path, text, site, per_class=3)
    assert [(row.label, row.name, row.rank) for row in result.rows] == [
        ("cat", "0", 1),
        ("cat", "1", 2),
        ("cat", "2", 3),
        ("dog", "4", 2),
        ("dog", "5", 3),
    ]
    assert {(row.engine, row.keyword, row.licence, row.author) for row in result.rows} == {("urls", None, "CC0", "me")}
    assert result.counts["dropped (HTTP 404)"] == 1
    site.asked.clear()
    assert collect(tmp_path, text, site, per_class=3).rows == result.rows
    assert "/9" not in site.asked
    assert collect(tmp_path, text, site, replay=True).rows


def test_the_fingerprint_depends_on_the_list(tmp_path: Path) -> None:
    before = urls.external_inputs(config(tmp_path, "url,label\nhttp://h/1,a\nhttp://h/2,b\n"))
    assert urls.external_inputs(config(tmp_path, "label,url\na,http://h/1\nb,http://h/2\n")) == before
    assert urls.external_inputs(config(tmp_path, "url,label\nhttp://h/2,a\nhttp://h/1,b\n")) != before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "http://h/1\nhttp://h/2\n",
            "has no column url and no column label; its columns are http://h/1; name them url,label",
        ),
        ("url,label\nhttp://h/1,a\n,b\n", "1 of 2 rows of .* have no url or no label: line 3; .*fill them in"),
        ("url,label\nhttp://h/1,a\nhttp://h/2,a\n", "contains only one class, 'a'"),
        ("link,class\nhttp://h/1,a\n", "did you mean crawl.columns.url=link crawl.columns.url_label=class"),
        ('url,label\nhttp://h/1,"a\nhttp://h/2,b\n', "line 2: a quote opens here, but it is not closed"),
        ("url,label\nhttp://h/1,a, red\nhttp://h/2,b\n", "line 2: 3 values, but the header has 2 columns"),
        ("url,label,split\nhttp://h/1,a,x\nhttp://h/2,b,test\n", "line 2: split is 'x', not train, val or test"),
        ("", r"its columns are \(none\)"),
    ],
)
def test_an_unusable_list_is_an_error(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        urls.external_inputs(config(tmp_path, text))


def test_columns_can_be_named_and_the_split_is_read(site: Any, tmp_path: Path) -> None:
    for number, photo in enumerate(PHOTOS[:2]):
        site.on(f"/{number}", photo)
    text = f"Link,Class,Part\n{site.url}/0,cat,training\n{site.url}/1,dog,test\n"
    columns = {"url": "link", "url_label": "class", "split": "part"}
    result = collect(tmp_path, text, site, columns=columns)
    assert [(row.label, row.given_split) for row in result.rows] == [("cat", "train"), ("dog", "test")]
    assert [row.given_split for row in collect(tmp_path, text, site, columns=columns, split="ignore").rows] == [
        None,
        None,
    ]


def test_what_is_not_used_as_given_is_in_the_notes(tmp_path: Path) -> None:
    rows = "".join(f"http://h/{i},{'ab'[i % 2]},CC0\n" for i in range(20))
    listed = urls.list_urls(config(tmp_path, f"url,label,license\n{rows}http://h/0,a,CC0\nhttp://h/30,,CC0\n"))
    assert sum(map(len, listed.candidates.values())) == 20
    near, repeated, lost = listed.notes
    assert "column license is not read; if it is the licence of each row, name it licence" in near
    assert "1 rows repeat a URL of their class and are left out (line 22)" in repeated
    assert "1 of 22 rows" in lost
