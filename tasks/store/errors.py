"""Errors that are the user's to mend, told apart from those that are ours."""


class UserError(Exception):
    """Something the user can put right: one line that names the file, the value and the remedy.

    The command line prints it without a traceback and exits with 2.
    """
