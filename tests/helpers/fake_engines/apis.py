"""Engines with a documented API: Naver, Openverse, Wikimedia Commons and Flickr."""

from html import escape
from typing import Any
from urllib.parse import parse_qsl

from tests.helpers.fake_engines.replies import HTML, json_reply, numbered_slice
from tests.helpers.fake_search import CREDENTIALS, OPENVERSE_CREDENTIALS, FakeSearch, RecordedRequest, Reply


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
            return json_reply({"error": {"errorCode": "200", "message": "Authentication Failed"}}, 401)
        return json_reply(
            {"errorMessage": "NID AUTH Result Invalid (1000) : Authentication failed.", "errorCode": "024"}, 401
        )
    if mode == "limited":
        return json_reply({"errorMessage": "API 호출 한도를 초과했습니다.", "errorCode": "010"}, 429)
    p = request.parameters
    display, start = int(p.get("display", 10)), int(p.get("start", 1))
    if not p.get("query"):
        return json_reply({"errorMessage": "Incorrect query request", "errorCode": "SE01"}, 400)
    if not (
        1 <= display <= 100 and 1 <= start <= 1000 and p.get("filter") in (None, "all", "large", "medium", "small")
    ):
        return json_reply({"errorMessage": "Invalid value", "errorCode": "SE02"}, 400)
    photos = server.photos(p["query"], "naver")
    items = [
        {
            "title": f"<b>{escape(p['query'])}</b> {i}",
            "link": photo,
            "thumbnail": server.thumbnail(photo),
            "sizeheight": "48",
            "sizewidth": "64",
        }
        for i, photo in numbered_slice(photos, start - 1, display)
    ]
    if mode == "changed":
        return json_reply({"result": {"pictures": items}})
    head = {"lastBuildDate": "Mon, 23 Nov 2026 12:00:00 +0900", "total": len(photos), "start": start}
    return json_reply({**head, "display": len(items), "items": items})


def _openverse_token(server: FakeSearch, request: RecordedRequest) -> Reply:
    form = dict(parse_qsl(request.form))
    if form != {
        "client_id": OPENVERSE_CREDENTIALS["OPENVERSE_CLIENT_ID"],
        "client_secret": OPENVERSE_CREDENTIALS["OPENVERSE_CLIENT_SECRET"],
        "grant_type": "client_credentials",
    }:
        return json_reply({"error": "invalid_client"}, 401)
    token = f"token-{len(server.requests)}"
    server.valid_tokens.add(token)
    return json_reply({"access_token": token, "token_type": "Bearer", "expires_in": 43200, "scope": "read write"})


def openverse(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:  # noqa: PLR0911
    if request.path == "/v1/auth_tokens/token/":
        return _openverse_token(server, request)
    assert request.path == "/v1/images/"
    if mode == "limited":
        detail = "Request was throttled. Expected available in 3559 seconds."
        return json_reply({"detail": detail}, 429, **{"Retry-After": "3559"})
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and token not in server.valid_tokens:
        return json_reply({"detail": "Authentication credentials were not provided."}, 401)
    most = 50 if token else 20
    p = request.parameters
    page, size = int(p.get("page", 1)), int(p.get("page_size", 20))
    if size > most:
        return json_reply({"detail": f"Ensure this value is less than or equal to {most}."}, 401)
    if page * size > 240:
        return json_reply({"detail": {"page": ["Ensure this value is less than or equal to 12."]}}, 400)
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
        for i, photo in numbered_slice(photos, (page - 1) * size, size)
    ]
    if mode == "changed":
        return json_reply({"count": len(photos), "media": results})
    head = {"result_count": len(photos), "page_count": -(-len(photos) // size), "page_size": size, "page": page}
    rates = {"X-RateLimit-Limit-anon_burst": "20/min", "X-RateLimit-Limit-anon_sustained": "200/day"}
    return json_reply({**head, "results": results}, **({} if token else rates))


_UTM = "utm_source=commons.wikimedia.org&utm_campaign=imageinfo&utm_content=original"


def commons(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:  # noqa: PLR0911
    assert request.path == "/w/api.php"
    if mode == "lagged":
        said = "Waiting for 10.64.48.35: 5.51 seconds lagged."
        return json_reply({"error": {"code": "maxlag", "info": said, "lag": 5.51}}, **{"Retry-After": "5"})
    if mode == "limited":
        said = "You've exceeded your rate limit. Please wait some time and try again."
        return json_reply({"error": {"code": "ratelimited", "info": said}})
    p = request.parameters
    if p.get("format") != "json":
        return Reply(b"<html><title>MediaWiki API result</title></html>", kind=HTML)
    if (p.get("action"), p.get("generator"), p.get("gsrnamespace"), p.get("prop")) != (
        "query",
        "search",
        "6",
        "imageinfo",
    ):
        return json_reply({"error": {"code": "badvalue", "info": "Unrecognized value for parameter."}})
    keyword = p["gsrsearch"].partition(" filetype:bitmap")[0]
    photos = server.photos(keyword, "commons")
    offset, limit = int(p.get("gsroffset", 0)), int(p["gsrlimit"])
    assert limit <= 50
    shown = numbered_slice(photos, offset, limit)
    if not shown:
        return json_reply({"batchcomplete": True})
    # As with metadata of many files, the first half of a batch comes first, and the rest when asked to continue.
    half = len(shown) > 30 and "iicontinue" not in p
    pages = []
    for i, photo in reversed(shown):  # its order is that of the page numbers, not of the search
        page: dict[str, Any] = {"pageid": 1000 - i, "ns": 6, "title": f"File:{i}.jpg", "index": i + 1}
        if (i - offset >= 25) != half if len(shown) > 30 else True:
            page["imageinfo"] = [
                {
                    "url": f"{photo}&{_UTM}",
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
        return json_reply({"query": {"files": pages}})
    if half:
        more = {"iicontinue": "File|25", "continue": "gsroffset||", **({"gsroffset": offset} if offset else {})}
        return json_reply({"continue": more, "query": {"pages": pages}})
    value: dict[str, Any] = {"batchcomplete": True, "query": {"pages": pages}}
    if offset + limit < len(photos):
        value["continue"] = {"gsroffset": offset + limit, "continue": "gsroffset||"}
    return json_reply(value)


def flickr(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:  # noqa: PLR0911
    assert request.path == "/services/rest/"
    p = request.parameters
    if mode == "denied" or p.get("api_key") != CREDENTIALS["FLICKR_API_KEY"]:
        return json_reply({"stat": "fail", "code": 100, "message": "Invalid API Key (Key has invalid format)"})
    if mode == "limited":
        return json_reply({"stat": "fail", "code": 105, "message": "Service currently unavailable"})
    if p.get("method") != "flickr.photos.search":
        return json_reply({"stat": "fail", "code": 112, "message": f'Method "{p.get("method")}" not found'})
    if not p.get("text"):
        return json_reply({"stat": "fail", "code": 3, "message": "Parameterless searches have been disabled."})
    if (p.get("format"), p.get("nojsoncallback")) != ("json", "1"):
        return Reply(b'jsonFlickrApi({"stat":"ok"})', kind="text/javascript")
    photos = server.photos(p["text"], "flickr")
    size = min(int(p.get("per_page", 100)), 500)
    pages = -(-len(photos) // size)
    page = min(int(p.get("page", 1)), max(pages, 1))  # beyond the end it answers with the last page
    listed = []
    for i, photo in numbered_slice(photos[:4000], (page - 1) * size, size):
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
        return json_reply({"stat": "ok", "results": listed})
    photos_ = {"page": page, "pages": pages, "perpage": size, "total": str(len(photos)), "photo": listed}
    return json_reply({"photos": photos_, "stat": "ok"})
