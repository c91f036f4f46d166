"""The errors that users can fix, as opposed to internal errors."""


class UserError(Exception):
    """A mistake that the user can fix; its message is one line with the file, the value and the remedy.

    The command line prints the message without a traceback and exits with code 2.
    """


class DamagedFileError(UserError, ValueError):
    """A file of the data folder doesn't contain what fluke writes; the message says how it is made again."""


class TransientError(UserError):
    """An error that may be gone later, such as a network that is down; the crawl is tried again."""
