"""No command prints a password of its environment, or of an address that it is given, and none stores one."""

from pathlib import Path

import pytest

from configs.schema import CrawlConfig
from flows.maintenance.forget import find_traces, forget
from tasks.crawl import blocklist
from tasks.crawl.engines.engine import Hit
from tasks.crawl.keywords import keywords_of
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.search_results import Search
from tasks.crawl.sources.urls import list_urls
from tasks.crawl.stage import LEDGER
from tasks.store.store import Store
from tests.helpers.pipeline import TINY, Fluke

SECRETS = {
    "api": "hunterapi1",
    "proxy": "hunterproxy2",
    "key": "hunterkey3",
    "auth": "hunterauth4",
    "url": "hunterurl5",
}


@pytest.fixture
def fluke(copy: Fluke) -> Fluke:
    """The tiny pipeline, whose environment is full of passwords."""
    copy.environment = {
        "PREFECT_API_URL": copy.api_url.replace("//", f"//bob:{SECRETS['api']}@"),
        "PREFECT_API_KEY": SECRETS["key"],
        "PREFECT_API_AUTH_STRING": f"admin:{SECRETS['auth']}",
        "http_proxy": f"http://eve:{SECRETS['proxy']}@127.0.0.1:9",
        "https_proxy": f"http://eve:{SECRETS['proxy']}@127.0.0.1:9",
    }
    return copy


def assert_hidden(printed: str, *folders: Path) -> None:
    for secret in SECRETS.values():
        assert secret not in printed
        for folder in folders:
            for path in folder.rglob("*"):
                assert secret not in str(path)
                if path.is_file():
                    assert secret.encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_commands_hide_the_passwords_of_the_environment(fluke: Fluke) -> None:
    printed = fluke("run", "default", f"crawl.path={fluke.photos}", *TINY)
    assert "accuracy" in printed
    printed += fluke("status") + fluke("report") + fluke("why", "train", "default", f"crawl.path={fluke.photos}")
    unreachable = f"http://bob:{SECRETS['api']}@127.0.0.1:9/api"
    refused = fluke("run", "default", f"crawl.path={fluke.photos}", *TINY, code=2, PREFECT_API_URL=unreachable)
    assert "http://***@127.0.0.1:9/api does not answer" in refused
    # An address that is none ends deep in a library, whose message quotes it.
    broken = fluke("run", "default", f"crawl.path={fluke.photos}", *TINY, code=2, PREFECT_API_URL=unreachable + ":x")
    assert_hidden(printed + refused + broken, fluke.data)


def test_logins_in_the_addresses_of_a_crawl_are_not_stored(tmp_path: Path) -> None:
    site = f"http://bob:{SECRETS['url']}@a.example"
    path = tmp_path / "urls.csv"
    path.write_text(f"url,label,page\n{site}/1.jpg,a,{site}\n{site}/2.jpg,b,{site}\n")
    config = CrawlConfig(sources=("urls",), path=path)
    listed = list_urls(config)
    assert [result.url for result in listed.candidates["a"]] == ["http://a.example/1.jpg"]
    assert SECRETS["url"] not in repr(listed)
    for given in ({"keywords": [f"{site}/a", site]}, {"keywords": {"a": site}}, {"contact": site}, {"path": site}):
        assert SECRETS["url"] not in CrawlConfig.model_validate({"sources": ("site",), **given}).model_dump_json()
    (tmp_path / "keywords.txt").write_text(f"a: {site}/a\nb: {site}/b\n")
    assert SECRETS["url"] not in repr(keywords_of(CrawlConfig(sources=("site",), keywords=tmp_path / "keywords.txt")))
    store = Store(tmp_path / "data")
    with Ledger(store.pools("crawl") / LEDGER, store.photos) as ledger:
        hits = [(1, Hit(f"{site}/1.jpg", site))]
        assert ledger.search_results.add(Search("site", "http://a.example"), 1, hits) == 1
    forget(store, find_traces(store, f"{site}/1.jpg"))
    assert blocklist.read(store.root) == {"http://a.example/1.jpg"}
    assert_hidden("", store.root)
