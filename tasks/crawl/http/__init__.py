"""HTTP for the crawl: GET requests that are rate-limited per host, safe against private addresses, and cancellable.

Built on urllib3 itself, because requests needs several times the CPU time per photo. This package imports nothing else
of the crawl.

- `client`: retries, redirects, limits on size, time and bytes
- `connection_pools`, `connections`: connection pools, proxies, sockets with a deadline
- `urls`: normal forms of URLs, and the check against private addresses (SSRF)
- `body`: read a response body, and turn errors into `FetchError`
- `robots`: robots.txt, X-Robots-Tag and our User-Agent
- `rate_limit`: the time between requests to one host
- `host_limits`: what the operators of some hosts allow
- `host_queue`: a queue that hands out the next item whose host may be requested now
- `cancel`: the token that ends all requests of a crawl
"""

from tasks.crawl.http.errors import FetchCancelledError, FetchError

__all__ = ["FetchCancelledError", "FetchError"]
