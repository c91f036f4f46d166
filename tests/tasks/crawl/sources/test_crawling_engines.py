"""Whole crawls with each engine on a local server: good and bad responses are reported to the user."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

from configs.schema import CrawlConfig
from tasks import tables
from tasks.crawl import stage as crawl
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Result

API = ("google", "naver", "openverse", "commons", "flickr")
PAGES = ("bing", "baidu")
KEYWORDS = {"cat": ["cat & dog", "고양이"], "whale": ["flying 🐳 whale"]}


class Home:
    """Crawls into a folder, with engines on the local server."""

    def __init__(self, root: Path, fake_search: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.fake_search = root, fake_search
        self._monkeypatch = monkeypatch

    def crawl(self, *engines: str, **settings: Any) -> Result:
        self.fake_search.install(self._monkeypatch, *engines)
        config = CrawlConfig(
            **{
                "sources": engines,
                "keywords": KEYWORDS,
                "private_hosts": [urlsplit(self.fake_search.url).netloc],
                "requests_per_s": 10000,
                "retries": 0,
            }
            | settings
        )
        out = self.root / "out"
        out.mkdir(exist_ok=True)
        return crawl.build_photos(
            config, context=StageContext(self.root, out, self.root / "pools", self.root / "photos")
        )

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.root / "out" / f"{name}.parquet")


@pytest.fixture
def home(tmp_path: Path, fake_search: Any, monkeypatch: pytest.MonkeyPatch) -> Home:
    for keyword in ("cat & dog", "고양이", "flying 🐳 whale"):
        fake_search.photo_counts[keyword] = 7
    monkeypatch.setattr("tasks.crawl.http.rate_limit.LONGEST_PAUSE_S", 0.05)  # all engines are at one host here
    return Home(tmp_path, fake_search, monkeypatch)


@pytest.mark.parametrize("name", [*API, *PAGES])
def test_all_photos_of_all_keywords_are_stored_with_their_origin(home: Home, name: str) -> None:
    result = home.crawl(name)
    photos, searches = home.table("photos"), home.table("searches")
    assert result.counts["photos"] == len(photos) == searches["found"].sum() > 7
    assert set(photos["keyword"]) == {"cat & dog", "고양이", "flying 🐳 whale"}
    assert set(photos["engine"]) == {name}
    assert photos[["width_px", "height_px", "bytes", "status", "url"]].notna().all(axis=None)
    assert searches["trouble"].isna().all()
    if name in ("openverse", "commons", "flickr"):
        assert photos[["licence", "page"]].notna().all(axis=None)
        assert photos["author"].notna().any()
    assert not any("secret" in text for text in tables.SUMMARY.path(home.root / "out").read_text().split())


@pytest.mark.parametrize("name", [*API, *PAGES])
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("limited", ""),
        ("failing", "HTTP 500"),
        ("gone", "parser is broken"),
        ("changed", "parser is broken"),
        ("garbage", "parser is broken"),
    ],
)
def test_bad_responses_are_reported_and_the_next_engine_is_used(home: Home, name: str, mode: str, reason: str) -> None:
    home.fake_search.modes[name] = mode
    other = "commons" if name != "commons" else "openverse"
    home.crawl(name, other, per_class=5)
    assert set(home.table("photos")["engine"]) == {other}
    trouble = home.table("searches").set_index("engine")["trouble"][name]
    assert trouble.notna().all()
    assert trouble.str.contains(reason).all()
    if reason == "parser is broken":
        assert list((home.root / "pools" / "answers").glob(f"{name}.*"))
    with pytest.raises(UserError, match=rf"no photos found .*min_yield.*{name}: .*{reason}"):
        home.crawl(name)


@pytest.mark.parametrize("name", ["google", "naver", "flickr"])
def test_wrong_or_missing_credentials_end_the_crawl_with_a_remedy(
    home: Home, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.fake_search.modes[name] = "denied"
    with pytest.raises(UserError, match=name.upper()):
        home.crawl("commons", name)
    for variable in ("NAVER_API_HUB_CLIENT_ID", "NAVER_CLIENT_ID", "FLICKR_API_KEY", "GOOGLE_CSE_ID"):
        monkeypatch.delenv(variable)
    requests = len(home.fake_search.requests)
    with pytest.raises(UserError, match=name.upper()):
        home.crawl("commons", name)
    assert len(home.fake_search.requests) == requests  # not even to the first engine


def test_a_keyword_without_photos_is_not_an_error(home: Home) -> None:
    home.crawl("commons", keywords={**KEYWORDS, "yeti": ["no such thing"]})
    assert home.table("searches")["trouble"].isna().all()
    assert "no photos were found for 'no such thing'" in tables.SUMMARY.path(home.root / "out").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_result_pages_are_not_requested_if_robots_txt_forbids_them(home: Home, name: str) -> None:
    home.fake_search.robots = "User-agent: *\nDisallow: /bing\nDisallow: /baidu\n"
    with pytest.raises(UserError, match=r"robots\.txt"):
        home.crawl(name)
    assert not [request for request in home.fake_search.requests if request.engine == name]
    assert home.crawl(name, robots="photos").counts["photos"] > 7


def test_a_site_is_crawled_from_page_to_page(home: Home) -> None:
    pages = {"cat": [f"{home.fake_search.url}/site/"], "whale": [f"{home.fake_search.url}/site/"]}
    result = home.crawl("site", keywords=pages)
    assert result.counts["photos"] > 3
    assert (home.table("searches")["pages"] > 1).all()


def test_other_sources_than_engines_cannot_be_combined(home: Home) -> None:
    with pytest.raises(UserError, match=r"crawl\.sources: site can't be combined with others"):
        home.crawl("commons", "site")
