"""Baidu: its cipher, its invalid JSON, and its two formats."""

import json

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Page
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.baidu import ENGINE
from tests.helpers.engine_client import first_page, get
from tests.helpers.fake_search import FakeSearch

REQUEST = ENGINE.build_request("cat", SearchFilters())


def _read(value: object) -> Page:
    return ENGINE.parse(REQUEST, FetchResult(REQUEST.url, 200, {}, json.dumps(value).encode()))


def test_urls_are_deciphered() -> None:
    entry = {
        "objURL": "ippr_z2C$qAzdH3FAzdH3Fooo_z&e3Bg1_z&e3BvgAzdH3FvwpAzdH3F8d_z&e3B3r2",
        "hoverURL": "http://baidu/1",
    }
    assert [hit.url for hit in _read({"data": [entry, {}]}).hits] == ["http://www.nd.cn/cat/12.jpg"]


COPY = "http://img1.imgtn.bdimg.com/it/u=2246315156,1662169434&fm=214&gp=0.jpg"
WRAPPED = (
    "ipprf_z2C$qAzdH3FAzdH3F2t42d_z&e3Bkwt17_z&e3Bv54AzdH3Ft4w2j_fjw6viAzdH3Ff6v=ippr%nA%dF%dFrtv8_z&e3Botg9aaa_z&e3Bv54"
    "%dFrtv%dFb%dFcb%dFv0l8ml8nn9_z&e3B3r2&6juj6=ippr%nA%dF%dFrtv8_z&e3Botg9aaa_z&e3Bv54&wrr=daad&ftzj=ullll,8aaaa&q=wba"
    "&g=a&2=ag&u4p=3rj2?fjv=8mnam0m98l&p=c9kc89da08wdbaabbkbjb8kmwcbmk8ak"
)


@pytest.mark.parametrize(
    ("entry", "url", "size_px"),
    [
        (  # 2017
            {
                "objURL": "ippr_z2C$qAzdH3FAzdH3Ft42_z&e3Bp7rtwgz3_z&e3Bv54AzdH3F7rs5w1fAzdH3FBtzitAzdH3F4gcn_z&e3B3r2",
                "width": 1280,
                "height": 1024,
                "replaceUrl": [
                    {"ObjURL": COPY, "FromURL": "http://www.zcool.com.cn/work/zntuwnjazmg==.html"},
                    {
                        "ObjURL": "http://img.netbian.com/file/2017/0220/ea5a97.jpg",
                        "FromURL": "http://www.netbian.com/",
                    },
                ],
            },
            "http://img.tupianzj.com/uploads/Bizhi/mn53.jpg",
            (1280, 1024),
        ),
        (  # 2020
            {
                "objURL": "ippr_z2C$qAzdH3FAzdH3Fckalbbjclcddc_z&e3Bv1g_z&e3Bf5i7vf_z&e3Bv54AzdH3Ft4w2jf_z&e3B3rj2",
                "width": 998,
                "height": 554,
                "replaceUrl": [{"ObjURL": COPY, "FromURL": "http://mt.sohu.com/"}],
            },
            "http://5b0988e595225.cdn.sohucs.com/images.jpeg",
            (998, 554),
        ),
        (
            {"objURL": WRAPPED, "width": 640, "height": 960},
            "http://pic1.win4000.com/pic/8/58/c791691334.jpg",
            (640, 960),
        ),
        (  # the page's own script: in plain text
            {"objURL": "http://image.fvideo.cn/2015/05/25/img37533071189339.jpg", "replaceUrl": [{"ObjURL": COPY}]},
            "http://image.fvideo.cn/2015/05/25/img37533071189339.jpg",
            None,
        ),
        (  # Baidu's older service for shrinking
            {
                "objURL": "https://timgsa.baidu.com/timg?image&quality=80&size=b9999_10000&sec=1502364345401&imgtype=0"
                "&src=http%3A%2F%2Fphotocdn.sohu.com%2F20160907%2FImg467862638.jpg%3Fa%3D1"
            },
            "http://photocdn.sohu.com/20160907/Img467862638.jpg?a=1",
            None,
        ),
        (
            {"replaceUrl": [{"ObjURL": COPY}, {"ObjURL": "http://img.netbian.com/a.jpg"}]},
            "http://img.netbian.com/a.jpg",
            None,
        ),
        (  # photos of Baidu's own users are originals
            {"objURL": "http://f.hiphotos.baidu.com/image/pic/item/242dd42a.jpg", "replaceUrl": [{"ObjURL": COPY}]},
            "http://f.hiphotos.baidu.com/image/pic/item/242dd42a.jpg",
            None,
        ),
        ({"replaceUrl": [{"ObjURL": COPY}]}, COPY, None),
    ],
)
def test_the_original_of_a_recorded_result_is_used(entry: object, url: str, size_px: tuple[int, int] | None) -> None:
    (hit,) = _read({"data": [entry, {}]}).hits
    assert (hit.url, hit.size_px) == (url, size_px)


def test_a_hit_has_the_page_of_its_original(fake_search: FakeSearch) -> None:
    hits = first_page(fake_search.engine("baidu")).hits
    assert [hit.page for hit in hits] == [f"{fake_search.url}/pages/baidu/{i}" for i in range(5)]


def test_an_invalid_escape_of_a_quote_is_accepted(fake_search: FakeSearch) -> None:
    response = get(fake_search.engine("baidu").build_request("cat", SearchFilters()))
    assert rb"it\'s" in response.body
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.body)
    assert len(ENGINE.parse(REQUEST, response).hits) == 5


def test_the_newer_format_is_parsed_too(fake_search: FakeSearch) -> None:
    fake_search.modes["baidu"] = "new"
    assert [hit.url for hit in first_page(fake_search.engine("baidu")).hits] == fake_search.photos("cat", "baidu")


@pytest.mark.parametrize("data", [[], [{}]])
def test_an_empty_list_means_no_results(data: object) -> None:
    assert not _read({"listNum": 0, "data": data}).hits


@pytest.mark.parametrize(
    "value", [{}, {"data": None}, {"data": {}}, {"data": [{"x": 1}]}, {"data": [1]}, {"data": "x"}]
)
def test_no_list_of_urls_is_a_changed_format(value: object) -> None:
    with pytest.raises(FormatChangedError):
        _read(value)


def test_a_redirect_to_the_captcha_means_blocked() -> None:
    place = "https://wappass.baidu.com/static/captcha/tuxing.html"
    with pytest.raises(BlockedError, match="captcha"):
        ENGINE.parse(REQUEST, FetchResult(place, 200, {}, b"<html>"))
    with pytest.raises(BlockedError, match="captcha"):
        ENGINE.parse(REQUEST, FetchResult(REQUEST.url, 302, {"location": place}, b""))


def test_filters_are_numeric_parameters(fake_search: FakeSearch) -> None:
    get(fake_search.engine("baidu").build_request("cat", SearchFilters(size="huge", colour="orange", type="face")))
    sent = fake_search.requests[-1].parameters
    assert (sent["z"], sent["ic"], sent["face"]) == ("9", "256", "1")
