"""Defects of icrawler 0.6.10's own parsers and feeders on the same responses: why ours replace them."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from icrawler.builtin.baidu import BaiduFeeder, BaiduParser
from icrawler.builtin.bing import BingFeeder, BingParser

from configs.schema import SearchFilters
from tasks.crawl.sources.baidu import decipher
from tests.helpers.engine_client import first_page, get
from tests.helpers.fake_search import FakeSearch


def _bare(kind: type[Any]) -> Any:
    """A parser or feeder without the threads around it."""
    made = object.__new__(kind)
    made.logger = logging.getLogger("icrawler")
    made.urls = []
    made.out_queue = SimpleNamespace(put=made.urls.append)
    return made


def _response(fake_search: FakeSearch, name: str, keyword: str = "cat") -> Any:
    response = get(fake_search.engine(name).build_request(keyword, SearchFilters()))
    return SimpleNamespace(content=response.body)


def test_icrawler_s_bing_parser_finds_jpg_only_and_crashes_without_a_link(fake_search: FakeSearch) -> None:
    urls = [found["file_url"] for found in _bare(BingParser).parse(_response(fake_search, "bing"))]
    assert len(urls) < len(first_page(fake_search.engine("bing")).hits)
    with pytest.raises(TypeError):
        list(_bare(BingParser).parse(SimpleNamespace(content=b'<div class="imgpt"></div>')))


def test_icrawler_s_baidu_parser_crashes_on_a_changed_response(fake_search: FakeSearch) -> None:
    fake_search.modes["baidu"] = "limited"
    with pytest.raises(KeyError):
        list(_bare(BaiduParser).parse(_response(fake_search, "baidu")))


def test_our_cipher_is_the_same_as_icrawler_s() -> None:
    cipher = "ippr_z2C$qAzdH3FAzdH3F" + "".join(map(chr, range(ord("a"), ord("z") + 1))) + "0123456789_z&e3B3r2"
    assert decipher(cipher) == _bare(BaiduParser)._decode_url(cipher)


@pytest.mark.parametrize("kind", [BingFeeder, BaiduFeeder])
def test_icrawler_s_feeders_do_not_quote_keywords(kind: type[Any], fake_search: FakeSearch) -> None:
    feeder = _bare(kind)
    feeder.feed("cat & dog", 0, 1)
    assert "cat & dog" in feeder.urls[0]
    assert "cat & dog" not in fake_search.engine("bing").build_request("cat & dog", SearchFilters()).url
