"""The crawl's HTTP: fast, polite and safe, on urllib3 itself (requests costs several times the CPU per photo).

`client` fetches: with retries, redirects, limits, until `stop`; `pools` keeps its connections, `connections` opens
them, to `addresses` that may be asked; `body` reads answers; `robots` asks the site's owner; `pace` spaces the requests
to a host; `lanes` is the queue from which a thread gets the photo of a host that is free.
"""

from tasks.crawl.http.errors import FetchError, StoppedError

__all__ = ["FetchError", "StoppedError"]
