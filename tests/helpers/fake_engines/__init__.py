"""The responses of each engine, in its published format as of November 2026: one function per engine.

The sources of each format are in the engine's own module in `tasks/crawl/sources`.
"""

from collections.abc import Callable

from tests.helpers.fake_engines import apis, pages, site
from tests.helpers.fake_engines.google import google
from tests.helpers.fake_search import FakeSearch, RecordedRequest, Reply

RESPONSES: dict[str, Callable[[FakeSearch, RecordedRequest, str], Reply]] = {
    "baidu": pages.baidu,
    "bing": pages.bing,
    "commons": apis.commons,
    "flickr": apis.flickr,
    "google": google,
    "naver": apis.naver,
    "openverse": apis.openverse,
    "site": site.site,
}
"""Name of an engine -> its response to a request in a mode."""
