"""The searches of each class, and their precedence."""

from collections.abc import Iterable, Sequence

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.engines.engine import Engine
from tasks.crawl.keywords import Keywords, top_up_queries
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.search_results import Search, SearchResult
from tasks.crawl.selection import order_results


class QueryPlan:
    """The searches of each class in order of precedence: its own queries, then `top_up`; in each, engine by engine."""

    def __init__(self, engines: Sequence[Engine], keywords: Keywords, config: CrawlConfig) -> None:
        self._engines = [engine.name for engine in engines]
        self._filters = filters_key(config.filters)
        self.keywords = keywords
        self.top_up = top_up_queries(keywords, config)

    def search(self, engine: str, query: str) -> Search:
        """Return the search of an engine for a query, with the filters of the config."""
        return Search(engine, query, self._filters)

    def candidates(self, ledger: Ledger, labels: Iterable[str]) -> dict[str, list[SearchResult]]:
        """Return, per class, everything that its searches have found in all crawls, in order of preference."""
        return {label: order_results(self._results(ledger, label)) for label in labels}

    def requeue(self, ledger: Ledger, crawl_id: int) -> None:
        """Begin a crawl: move results without a stored photo behind those that have one."""
        for label in self.keywords:
            for _, search in self._searches(label):
                ledger.search_results.requeue(search, crawl_id)

    def _results(self, ledger: Ledger, label: str) -> Iterable[tuple[int, SearchResult]]:
        for precedence, search in self._searches(label):
            for result in ledger.search_results.of(search):
                yield precedence, result

    def _searches(self, label: str) -> Iterable[tuple[int, Search]]:
        """Yield the searches of a class with their precedence; 0 is the highest."""
        precedence = 0
        for queries in (self.keywords[label], self.top_up[label]):
            for engine in self._engines:
                for query in queries:
                    yield precedence, self.search(engine, query)
                precedence += 1


def filters_key(filters: SearchFilters) -> str:
    """Return filters as text; those that aren't set are left out."""
    return ",".join(f"{name}={value}" for name, value in filters.model_dump(exclude_none=True).items())
