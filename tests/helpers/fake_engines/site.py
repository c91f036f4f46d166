"""A web site whose pages link to each other."""

from tests.helpers.fake_engines.replies import HTML
from tests.helpers.fake_search import FakeSearch, RecordedRequest, Reply

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
