"""Errors that end the training of one network; where another recipe works, that one is used."""

from tasks.store.errors import UserError


class DivergedError(UserError):
    """The loss became infinite or NaN."""

    def __init__(self, message: str, *, kept: bool) -> None:
        """Create the error; with `kept`, the network now has the weights of the best epoch before."""
        super().__init__(message)
        self.kept = kept


class TooLargeError(UserError):
    """The memory is too small for a single row."""
