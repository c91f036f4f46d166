"""A clock that tests advance by hand."""


class FakeClock:
    """Returns `now`, in seconds; it stands still until a test changes `now`."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
