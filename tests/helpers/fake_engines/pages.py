"""Engines whose result pages are read: Google, Bing and Baidu."""

import json
from html import escape
from typing import Any

from tests.helpers.fake_engines.replies import HTML, json_reply, numbered_slice
from tests.helpers.fake_search import FakeSearch, RecordedRequest, Reply


def google(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:
    assert request.path in ("/search", "/sorry/index")
    if request.path == "/sorry/index":
        return Reply(b"<html>Our systems have detected unusual traffic from your computer network.", 429, HTML)
    if mode == "limited":
        return Reply(b"", 302, HTML, (("Location", f"{server.url}/google/sorry/index?continue=x"),))
    if mode == "script":
        return Reply(
            b"<noscript>enable JavaScript: <a href=/httpservice/retry/enablejs?sei=1>here</a></noscript>", 200, HTML
        )
    p = request.parameters
    photos = server.photos(p["q"], "google")
    if mode == "html":
        return _google_html(server, photos)
    fields = p.get("async", "").split(",")
    if p.get("tbm") != "isch" or p.get("asearch") != "isch" or f"async={p.get('async')}" not in request.query:
        return Reply(b"<html><title>Error 403 (Forbidden)</title>", 403, HTML)
    assert fields[:2] == ["_fmt:json", "p:1"]
    shown = numbered_slice(photos, 20 * int(fields[2].removeprefix("ijn:")), 20)
    metadata = [
        {
            "original_image": {"url": photo, "width": 64, "height": 48},
            "thumbnail": {"url": server.thumbnail(photo), "width": 32, "height": 24},
            "result": {
                "page_title": str(i),
                "referrer_url": f"{server.url}/pages/google/{i}",
                "iptc": {"creator": ["Zoë", "Bo"]} if i else {},
            },
            "text_in_grid": {"snippet": "captcha"},
        }
        for i, photo in shown
    ]
    value: dict[str, Any] = {"ischj": {"metadata": metadata}}
    if mode == "changed":
        value = {"ischk": {"pictures": metadata}}
    text = json.dumps(value, separators=(",", ":")).replace("&", "\\u0026").replace("=", "\\u003d")
    return Reply(b")]}'\n" + text.encode(), kind="application/json; charset=utf-8")


def _google_html(server: FakeSearch, photos: list[str]) -> Reply:
    if not photos:
        return Reply(b"<html><p>Your search - <b>x</b> - did not match any image results.</p>", kind=HTML)
    rows = [
        f'["https://encrypted-tbn0.gstatic.com/images?q\\u003dtbn:{i}",168,300],["{_escaped(photo)}",48,64],null,0'
        for i, photo in enumerate(photos)
    ]
    script = f"AF_initDataCallback({{key: 'ds:1', hash: '2', data:[null,[{','.join(rows)}]], sideChannel: {{}}}});"
    page = f'<html><script nonce="a">var m=["https://www.gstatic.com/x.png"];</script><script>{script}</script></html>'
    return Reply(page.encode(), kind=HTML)


def _escaped(url: str) -> str:
    return url.replace("&", "\\u0026").replace("=", "\\u003d").replace("/", "\\/")


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
        link = (
            f'<a class="iusc" m="{escape(json.dumps(about))}" href="/images/search?view=detailV2"><img src="/th"></a>'
        )
        rows.append(f'<li data-idx="{i}"><div class="imgpt">{link}</div></li>')
    return Reply(f'<div class="dgControl"><ul class="dgControl_list">{"".join(rows)}</ul></div>'.encode(), kind=HTML)


_CIPHER = dict(zip("abcdefghijklmnopqrstuvw1234567890", "wkv1ju2it3hs4g5rq6fp7eo8dn9cm0bla", strict=True))


def _enciphered(url: str) -> str:
    signs = {":": "_z2C$q", ".": "_z&e3B", "/": "AzdH3F"}
    return "".join(signs.get(letter) or _CIPHER.get(letter, letter) for letter in url)


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
            entry["objURL"] = _enciphered(photo)
            entry["replaceUrl"] = [{"ObjURL": photo, "FromURL": f"{server.url}/pages/baidu/{i}"}] if i % 2 else []
        data.append(entry)
    value = {"queryExt": p["word"], "listNum": len(photos), "displayNum": len(photos), "data": [*data, {}]}
    text = json.dumps(value, ensure_ascii=False).replace("it's", r"it\'s")
    return Reply(text.encode(), kind="text/html; charset=utf-8")
