"""The error of a training that diverges."""

from tasks.store.errors import UserError


class DivergedError(UserError):
    """The loss became infinite or NaN."""

    def __init__(self, message: str, *, kept: bool) -> None:
        """Create the error; with `kept`, the classifier now has the weights of the best epoch before."""
        super().__init__(message)
        self.kept = kept
