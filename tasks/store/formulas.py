r"""Text in CSV files for people: spreadsheets run a value as a formula if it begins with = + - @, a tab or a CR.

An apostrophe before the value prevents it (https://owasp.org/www-community/attacks/CSV_Injection). `unguard` takes it
away again, so that a table survives a round trip through a file.
"""

import re

_RISKY = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guard(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run, and before text that looks guarded already."""
    return f"'{text}" if _RISKY.match(text) else text


def unguard(text: str) -> str:
    """Return the text that `guard` has changed into this one."""
    return text[1:] if _GUARDED.match(text) else text
