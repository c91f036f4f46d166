"""Engines whose result pages are read: Bing and Baidu."""

import json
from html import escape
from typing import Any
from urllib.parse import quote

from tests.helpers.fake_engines.replies import HTML, json_reply, numbered_slice
from tests.helpers.fake_search import FakeSearch, RecordedRequest, Reply


def bing(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:
    if mode == "limited":
        return Reply(b"<title>One last step</title><div class='captcha'>Please solve the challenge</div>", kind=HTML)
    p = request.parameters
    first, count = int(p["first"]), int(p["count"])
    assert request.path == "/images/async"
    assert first >= 1
    assert count <= 35
    photos = server.photos(p["q"], "bing")
    if not photos:
        return Reply(f"<div>There are no results for <b>{escape(p['q'])}</b></div>".encode(), kind=HTML)
    rows = []
    for i, photo in numbered_slice(photos, first - 1, count):
        about = {
            "purl": f"{server.url}/pages/bing/{i}",
            "murl": photo,
            "turl": server.thumbnail(photo),
            "t": 'a "captcha"',
        }
        if mode == "changed":
            about = {"media": photo}
        shown = f"/images/search?view=detailV2&ccid=a&mediaurl={quote(photo, safe='')}&exph=48&expw=64&q=x&simid={i}"
        link = f'<a class="iusc" m="{escape(json.dumps(about))}" href="{escape(shown)}"><img src="/th"></a>'
        rows.append(f'<li data-idx="{i}"><div class="imgpt">{link}</div></li>')
    return Reply(f'<div class="dgControl"><ul class="dgControl_list">{"".join(rows)}</ul></div>'.encode(), kind=HTML)


_CIPHER = dict(zip("abcdefghijklmnopqrstuvw1234567890", "wkv1ju2it3hs4g5rq6fp7eo8dn9cm0bla", strict=True))


def _enciphered(url: str) -> str:
    signs = {":": "_z2C$q", ".": "_z&e3B", "/": "AzdH3F"}
    return "".join(signs.get(letter) or _CIPHER.get(letter, letter) for letter in url)


def baidu_urls(photo: str, page: str, i: int) -> dict[str, Any]:
    """The URLs in a result, in the three forms of the recordings: 2017, 2020, and since 2021."""
    copy = f"http://img{i % 6}.imgtn.bdimg.com/it/u=2246315156,{i}&fm=214&gp=0.jpg"
    elsewhere = {"ObjURL": copy, "FromURL": "http://blog.example.cn/"}
    size = {"width": 64, "height": 48}
    if i % 3 == 0:
        replaced = [elsewhere, {"ObjURL": photo, "FromURL": page}]
        return {"objURL": _enciphered(photo), "fromURL": _enciphered(page), "replaceUrl": replaced, **size}
    if i % 3 == 1:
        return {"objURL": _enciphered(photo), "fromURL": _enciphered(page), "replaceUrl": [elsewhere], **size}
    wrapped = (
        f"https://gimg2.baidu.com/image_search/src={quote(photo, safe='')}&refer=http%3A%2F%2Fa.cn&app=2002"
        "&size=f9999,10000&q=a80&n=0&g=0n&fmt=jpeg?sec=1633503003&t=23ad550806"
    )
    return {"objURL": _enciphered(wrapped), "fromURL": _enciphered(page), **size}


def baidu(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:
    if mode == "limited":
        return json_reply({"antiFlag": 1, "message": "Forbid spider access", "bfe_log_id": "1"})
    p = request.parameters
    assert request.path == "/search/acjson"
    assert p["tn"] == "resultjson_com"
    start, count = int(p["pn"]), int(p["rn"])
    photos = server.photos(p["word"], "baidu")
    shown = numbered_slice(photos, start, count)
    if mode == "new":
        images = [
            {"objurl": photo, "thumburl": server.thumbnail(photo), "fromurl": "http://a.cn/1"} for _, photo in shown
        ]
        return json_reply({"status": 0, "message": "ok", "data": {"images": images, "totalNum": len(photos)}})
    data: list[dict[str, Any]] = []
    for i, photo in shown:
        entry: dict[str, Any] = {
            "thumbURL": server.thumbnail(photo),
            "middleURL": server.thumbnail(photo),
            "type": "jpg",
        }
        entry |= {"fromPageTitle": "it's a <strong>cat</strong>", "hoverURL": server.thumbnail(photo)}
        if mode == "changed":
            entry["source"] = photo
        else:
            entry |= baidu_urls(photo, f"{server.url}/pages/baidu/{i}", i)
        data.append(entry)
    value = {"queryExt": p["word"], "listNum": len(photos), "displayNum": len(photos), "data": [*data, {}]}
    text = json.dumps(value, ensure_ascii=False).replace("it's", r"it\'s")
    return Reply(text.encode(), kind="text/html; charset=utf-8")
