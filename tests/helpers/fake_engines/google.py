"""Google's Custom Search JSON API, in its published format and with errors as they were recorded."""

from typing import Any

from tests.helpers.fake_engines.replies import json_reply, numbered_slice
from tests.helpers.fake_search import CREDENTIALS, FakeSearch, RecordedRequest, Reply

VALUES = {
    "imgSize": {"HUGE", "ICON", "LARGE", "MEDIUM", "SMALL", "XLARGE", "XXLARGE"},
    "imgColorType": {"mono", "gray", "color", "trans"},
    "imgDominantColor": {
        "black",
        "blue",
        "brown",
        "gray",
        "green",
        "orange",
        "pink",
        "purple",
        "red",
        "teal",
        "white",
        "yellow",
    },
    "imgType": {"clipart", "face", "lineart", "stock", "photo", "animated"},
}
"""Parameter -> the values that the reference lists."""
DAILY = (
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service 'customsearch.googleapis.com' "
    "for consumer 'project_number:451270028559'."
)


def error(code: int, message: str, reason: str, status: str) -> Reply:
    details = [{"message": message, "domain": "global", "reason": reason}]
    return json_reply({"error": {"code": code, "message": message, "errors": details, "status": status}}, code)


def google(server: FakeSearch, request: RecordedRequest, mode: str) -> Reply:
    assert request.path == "/customsearch/v1"
    p = request.parameters
    if mode == "denied":
        message = "This project does not have the access to Custom Search JSON API."
        return error(403, message, "forbidden", "PERMISSION_DENIED")
    if p.get("key") != CREDENTIALS["GOOGLE_API_KEY"]:
        message = "API key not valid. Please pass a valid API key."
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
        return json_reply({"error": {"code": 400, "message": message, "details": details}}, 400)
    if mode == "limited":
        return error(429, DAILY, "rateLimitExceeded", "RESOURCE_EXHAUSTED")
    start, count = int(p.get("start", 1)), int(p.get("num", 10))
    valid = p.get("cx") == CREDENTIALS["GOOGLE_CSE_ID"] and p.get("searchType") == "image" and 1 <= count <= 10
    if not valid or start > 91 or any(p[name] not in values for name, values in VALUES.items() if name in p):
        return error(400, "Request contains an invalid argument.", "badRequest", "INVALID_ARGUMENT")
    photos = server.photos(p["q"], "google")
    about = {"title": f"Google Custom Search - {p['q']}", "totalResults": str(len(photos)), "searchTerms": p["q"]}
    about |= {"inputEncoding": "utf8", "outputEncoding": "utf8", "safe": "off", "cx": p["cx"], "searchType": "image"}
    queries: dict[str, Any] = {"request": [{**about, "count": count, "startIndex": start}]}
    if start + count <= len(photos):
        queries["nextPage"] = [{**about, "count": count, "startIndex": start + count}]
    if mode == "changed":
        return json_reply({"kind": "customsearch#results", "pictures": photos})
    value: dict[str, Any] = {
        "kind": "customsearch#search",
        "url": {"type": "application/json", "template": "https://www.googleapis.com/customsearch/v1?q={searchTerms}"},
        "queries": queries,
        "context": {"title": "the web"},
        "searchInformation": {"searchTime": 0.31, "formattedSearchTime": "0.31", "totalResults": str(len(photos))},
    }
    items = [
        {
            "kind": "customsearch#result",
            "title": f"{i}",
            "htmlTitle": f"<b>{i}</b>",
            "link": photo,
            "displayLink": "photos.example",
            "mime": "image/jpeg",
            "fileFormat": "image/jpeg",
            "image": {
                "contextLink": f"{server.url}/pages/google/{i}",
                "height": 48,
                "width": 64,
                "byteSize": 5000,
                "thumbnailLink": server.thumbnail(photo),
                "thumbnailHeight": 24,
                "thumbnailWidth": 32,
            },
        }
        for i, photo in numbered_slice(photos, start - 1, count)
    ]
    if items:  # without results, the key is missing
        value["items"] = items
    return json_reply(value)
