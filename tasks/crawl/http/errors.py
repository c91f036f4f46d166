"""Why a URL wasn't fetched."""


class FetchError(Exception):
    """A URL that couldn't be fetched; the text is the reason, in a few words that can be counted.

    status: what the server answered, if it did.
    passing: whether another night may bring it.
    """

    def __init__(self, reason: str, *, status: int | None = None, passing: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.passing = passing

    @property
    def silent(self) -> bool:
        """Whether the host failed to answer, which says more about it than about the URL."""
        return self.passing and self.status is None


class StoppedError(FetchError):
    """Nothing is wrong with the URL: the crawl was stopped."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, passing=True)

    @property
    def silent(self) -> bool:
        """Never: nobody was asked."""
        return False
