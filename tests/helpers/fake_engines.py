"""The responses of each engine, in its published format as of November 2026: one function per engine.

The sources of each format are in the engine's own module in `tasks/crawl/sources`.
"""

import json
from html import escape
from typing import Any

from tests.helpers.fake_search import CREDENTIALS, FakeSearch, RecordedRequest, Reply

HTML = "text/html; charset=utf-8"


def _json(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(value).encode(), status, headers=tuple(headers.items()))


def _page(photos: list[str], start: int, count: int) -> list[tuple[int, str]]:
    return list(enumerate(photos))[start : start + count]


def naver(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:  # noqa: PLR0911
    hub = request.path == "/search/v1/image"
    assert hub or request.path == "/v1/search/image"
    if hub:
        names, prefix = ("x-ncp-apigw-api-key-id", "x-ncp-apigw-api-key"), "NAVER_API_HUB_CLIENT_"
    else:
        names, prefix = ("x-naver-client-id", "x-naver-client-secret"), "NAVER_CLIENT_"
    given = [request.headers.get(name) for name in names]
    if mode == "denied" or given != [CREDENTIALS[f"{prefix}ID"], CREDENTIALS[f"{prefix}SECRET"]]:
        if hub:
            return _json({"error": {"errorCode": "200", "message": "Authentication Failed"}}, 401)
        return _json(
            {"errorMessage": "NID AUTH Result Invalid (1000) : Authentication failed.", "errorCode": "024"}, 401
        )
    if mode == "limited":
        return _json({"errorMessage": "API 호출 한도를 초과했습니다.", "errorCode": "010"}, 429)
    p = request.parameters
    display, start = int(p.get("display", 10)), int(p.get("start", 1))
    if not p.get("query"):
        return _json({"errorMessage": "Incorrect query request", "errorCode": "SE01"}, 400)
    if not (
        1 <= display <= 100 and 1 <= start <= 1000 and p.get("filter") in (None, "all", "large", "medium", "small")
    ):
        return _json({"errorMessage": "Invalid value", "errorCode": "SE02"}, 400)
    photos = server.photos(p["query"], "naver")
    items = [
        {
            "title": f"<b>{escape(p['query'])}</b> {i}",
            "link": photo,
            "thumbnail": server.thumbnail(photo),
            "sizeheight": "48",
            "sizewidth": "64",
        }
        for i, photo in _page(photos, start - 1, display)
    ]
    if mode == "changed":
        return _json({"result": {"pictures": items}})
    head = {"lastBuildDate": "Mon, 23 Nov 2026 12:00:00 +0900", "total": len(photos), "start": start}
    return _json({**head, "display": len(items), "items": items})


def openverse(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:
    assert request.path == "/v1/images/"
    if mode == "limited":
        detail = "Request was throttled. Expected available in 3559 seconds."
        return _json({"detail": detail}, 429, **{"Retry-After": "3559"})
    p = request.parameters
    page, size = int(p.get("page", 1)), int(p.get("page_size", 20))
    if size > 20:
        return _json({"detail": "Ensure this value is less than or equal to 20."}, 401)
    if page * size > 240:
        return _json({"detail": {"page": ["Ensure this value is less than or equal to 12."]}}, 400)
    photos = server.photos(p["q"], "openverse")[:240]
    results = [
        {
            "id": f"00000000-0000-0000-0000-{i:012}",
            "title": f"{p['q']} {i}",
            "foreign_landing_url": f"{server.url}/pages/openverse/{i}",
            "url": photo,
            "creator": "Zoë &amp; Co" if i else None,
            "license": ("by-sa", "cc0", "pdm", "by")[i % 4],
            "license_version": ("2.0", "1.0", "1.0", "4.0")[i % 4],
            "thumbnail": server.thumbnail(photo),
            "width": 64,
            "height": 48,
        }
        for i, photo in _page(photos, (page - 1) * size, size)
    ]
    if mode == "changed":
        return _json({"count": len(photos), "media": results})
    head = {"result_count": len(photos), "page_count": -(-len(photos) // size), "page_size": size, "page": page}
    return _json({**head, "results": results})


def commons(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:  # noqa: PLR0911
    assert request.path == "/w/api.php"
    if mode == "limited":
        said = "You've exceeded your rate limit. Please wait some time and try again."
        return _json({"error": {"code": "ratelimited", "info": said}})
    p = request.parameters
    if p.get("format") != "json":
        return Reply(b"<html><title>MediaWiki API result</title></html>", kind=HTML)
    if (p.get("action"), p.get("generator"), p.get("gsrnamespace"), p.get("prop")) != (
        "query",
        "search",
        "6",
        "imageinfo",
    ):
        return _json({"error": {"code": "badvalue", "info": "Unrecognized value for parameter."}})
    keyword = p["gsrsearch"].partition(" filetype:bitmap")[0]
    photos = server.photos(keyword, "commons")
    offset, limit = int(p.get("gsroffset", 0)), int(p["gsrlimit"])
    assert limit <= 50
    shown = _page(photos, offset, limit)
    if not shown:
        return _json({"batchcomplete": True})
    # As with metadata of many files, the first half of a batch comes first, and the rest when asked to continue.
    half = len(shown) > 30 and "iicontinue" not in p
    pages = []
    for i, photo in reversed(shown):  # its order is that of the page numbers, not of the search
        page: dict[str, Any] = {"pageid": 1000 - i, "ns": 6, "title": f"File:{i}.jpg", "index": i + 1}
        if (i - offset >= 25) != half if len(shown) > 30 else True:
            page["imageinfo"] = [
                {
                    "url": photo,
                    "descriptionurl": f"{server.url}/pages/File:{i}.jpg",
                    "size": 1000,
                    "width": 64,
                    "height": 48,
                    "mime": "image/svg+xml" if keyword == "vectors" else "image/jpeg",
                    "extmetadata": {
                        "LicenseShortName": {"value": ("CC BY-SA 4.0", "CC0", "Public domain")[i % 3]},
                        "License": {"value": ("cc-by-sa-4.0", "cc0", "pd")[i % 3]},
                        "Artist": {"value": f'<a href="//commons/wiki/User:A"><bdi>A &amp; B</bdi></a> {i}'},
                    },
                }
            ]
        pages.append(page)
    if mode == "changed":
        return _json({"query": {"files": pages}})
    if half:
        more = {"iicontinue": "File|25", "continue": "gsroffset||", **({"gsroffset": offset} if offset else {})}
        return _json({"continue": more, "query": {"pages": pages}})
    value: dict[str, Any] = {"batchcomplete": True, "query": {"pages": pages}}
    if offset + limit < len(photos):
        value["continue"] = {"gsroffset": offset + limit, "continue": "gsroffset||"}
    return _json(value)


def flickr(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:  # noqa: PLR0911
    assert request.path == "/services/rest/"
    p = request.parameters
    if mode == "denied" or p.get("api_key") != CREDENTIALS["FLICKR_API_KEY"]:
        return _json({"stat": "fail", "code": 100, "message": "Invalid API Key (Key has invalid format)"})
    if mode == "limited":
        return _json({"stat": "fail", "code": 105, "message": "Service currently unavailable"})
    if p.get("method") != "flickr.photos.search":
        return _json({"stat": "fail", "code": 112, "message": f'Method "{p.get("method")}" not found'})
    if not p.get("text"):
        return _json({"stat": "fail", "code": 3, "message": "Parameterless searches have been disabled."})
    if (p.get("format"), p.get("nojsoncallback")) != ("json", "1"):
        return Reply(b'jsonFlickrApi({"stat":"ok"})', kind="text/javascript")
    photos = server.photos(p["text"], "flickr")
    size = min(int(p.get("per_page", 100)), 500)
    pages = -(-len(photos) // size)
    page = min(int(p.get("page", 1)), max(pages, 1))  # beyond the end it answers with the last page
    listed = []
    for i, photo in _page(photos[:4000], (page - 1) * size, size):
        entry = {"id": str(100 + i), "owner": "12@N00", "secret": "ab", "server": "1", "farm": 1, "title": str(i)}
        entry |= {"license": str(i % 17), "ownername": "Zoë &amp; Co"}
        for name, url, width, height in (
            ("url_z", server.thumbnail(photo), 640, "480"),
            ("url_o", photo, 6400, "4800"),
        ):
            if name in p["extras"] and not (name == "url_o" and p["text"] == "withheld"):
                entry |= {name: url, name.replace("url", "width"): width, name.replace("url", "height"): height}
        listed.append(entry)
    if mode == "changed":
        return _json({"stat": "ok", "results": listed})
    photos_ = {"page": page, "pages": pages, "perpage": size, "total": str(len(photos)), "photo": listed}
    return _json({"photos": photos_, "stat": "ok"})


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
    shown = _page(photos, 20 * int(fields[2].removeprefix("ijn:")), 20)
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
    for i, photo in _page(photos, first - 1, count):
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
        return _json({"antiFlag": 1, "message": "Forbid spider access", "bfe_log_id": "1"})
    p = request.parameters
    assert request.path == "/search/acjson"
    assert p["tn"] == "resultjson_com"
    start, count = int(p["pn"]), int(p["rn"])
    photos = server.photos(p["word"], "baidu")
    shown = _page(photos, start, count)
    if mode == "new":
        images = [
            {"objurl": photo, "thumburl": server.thumbnail(photo), "fromurl": "http://a.cn/1"} for _, photo in shown
        ]
        return _json({"status": 0, "message": "ok", "data": {"images": images, "totalNum": len(photos)}})
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


SITE = {
    "/": """<html><head><meta property="og:image" content="/photos/site/og.jpg"><base href="/site/"></head><body>
        <a href="two?page=2#top">two</a><a href="two?page=2">again</a><a href="/site/private" rel="nofollow">no</a>
        <a href="https://other.example/">elsewhere</a><a href="logout">out</a><a href="notes.pdf">pdf</a>
        <a href="secret">secret</a><a href="dead">dead</a><a href="away">away</a><a href="mailto:a@b.c">mail</a>
        <img src="/photos/site/plain.png"><img src="data:image/gif;base64,R0" data-src="/photos/site/lazy.webp">
        <img src="/photos/site/s.jpg"
            srcset="/photos/site/m.jpg 640w, /photos/site/l.jpg 1280w, /photos/site/s.jpg 320w">
        <img src="/photos/site/logo.svg"></body></html>""",
    "/two": """<a href="/photos/site/full.jpg"><img src="/photos/site/thumb.jpg"></a><a href="/site/">home</a>
        <picture><source srcset="/photos/site/p1.webp 1x, /photos/site/p2.webp 2x"><img src="/photos/site/p.jpg">
        </picture>
        <a href="three/">three</a>""",
    "/three/": '<meta name="ROBOTS" content="NoAI, nofollow"><img src="/photos/site/mine.jpg"><a href="four">four</a>',
    "/secret": '<meta name="robots" content="nofollow"><img src="/photos/site/kept.jpg"><a href="four">four</a>',
}


def site(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:
    if mode == "limited":
        return Reply(b"slow down", 429, "text/plain")
    if request.path == "/away":
        return Reply(b"", 302, HTML, (("Location", f"{server.url.replace('127.0.0.1', 'localhost')}/site/two"),))
    if request.path not in SITE:
        return Reply(b"<html>not here", 404, HTML)
    return Reply(SITE[request.path].encode(), kind=HTML)
