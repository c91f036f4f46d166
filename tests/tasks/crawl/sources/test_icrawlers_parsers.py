"""What icrawler 0.6.10's own parsers and feeders make of the same answers: why ours replace them."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from icrawler.builtin.baidu import BaiduFeeder, BaiduParser
from icrawler.builtin.bing import BingFeeder, BingParser
from icrawler.builtin.google import GoogleParser

from configs.schema import SearchFilters
from tasks.crawl.sources.baidu import _clear
from tests.helpers.asking import get, once
from tests.helpers.standin import StandIn


def _bare(kind: type[Any]) -> Any:
    """A parser or feeder without the threads around it."""
    made = object.__new__(kind)
    made.logger = logging.getLogger("icrawler")
    made.urls = []
    made.out_queue = SimpleNamespace(put=made.urls.append)
    return made


def _response(standin: StandIn, name: str, keyword: str = "cat") -> Any:
    answer = get(standin.engine(name).first(keyword, SearchFilters()))
    return SimpleNamespace(content=answer.body)


def test_google_s_gives_none_for_no_results_and_loses_webp(standin: StandIn) -> None:
    standin.moods["google"] = "html"
    assert _bare(GoogleParser).parse(_response(standin, "google", "nothing")) is None
    assert not once(standin.engine("google"), "nothing").hits
    urls = [found["file_url"] for found in _bare(GoogleParser).parse(_response(standin, "google")) or []]
    assert not any(".webp" in url for url in urls)
    assert any(".webp" in hit.url for hit in once(standin.engine("google")).hits)


def test_bing_s_finds_jpg_only_and_crashes_on_a_link_less_picture(standin: StandIn) -> None:
    urls = [found["file_url"] for found in _bare(BingParser).parse(_response(standin, "bing"))]
    assert len(urls) < len(once(standin.engine("bing")).hits)
    with pytest.raises(TypeError):
        list(_bare(BingParser).parse(SimpleNamespace(content=b'<div class="imgpt"></div>')))


def test_baidu_s_crashes_on_a_changed_answer(standin: StandIn) -> None:
    standin.moods["baidu"] = "limited"
    with pytest.raises(KeyError):
        list(_bare(BaiduParser).parse(_response(standin, "baidu")))


def test_baidu_s_and_our_cipher_are_the_same() -> None:
    cipher = "ippr_z2C$qAzdH3FAzdH3F" + "".join(map(chr, range(ord("a"), ord("z") + 1))) + "0123456789_z&e3B3r2"
    assert _clear(cipher) == _bare(BaiduParser)._decode_url(cipher)


@pytest.mark.parametrize("kind", [BingFeeder, BaiduFeeder])
def test_keywords_are_not_quoted_by_its_feeders(kind: type[Any], standin: StandIn) -> None:
    feeder = _bare(kind)
    feeder.feed("cat & dog", 0, 1)
    assert "cat & dog" in feeder.urls[0]
    assert "cat & dog" not in standin.engine("bing").first("cat & dog", SearchFilters()).url
