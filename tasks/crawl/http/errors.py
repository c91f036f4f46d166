"""Errors of a fetch."""


class FetchError(Exception):
    """A URL could not be fetched. The text is the reason, in a few fixed words, so that reasons can be counted."""

    def __init__(self, reason: str, *, status: int | None = None, transient: bool = False) -> None:
        """Create the error.

        Args:
            reason: Stored in the crawl's database and tables; the same words for the same cause.
            status: HTTP status of the response, if there was one.
            transient: Whether a later crawl may succeed.
        """
        super().__init__(reason)
        self.status = status
        self.transient = transient

    @property
    def no_response(self) -> bool:
        """Whether the host sent no response, so that the host is at fault, not the URL."""
        return self.transient and self.status is None


class FetchCancelledError(FetchError):
    """The crawl was cancelled before the URL was fetched. The URL itself is not at fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, transient=True)

    @property
    def no_response(self) -> bool:
        """Always False: no host failed to respond."""
        return False
