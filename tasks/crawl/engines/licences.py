"""Short names of licences: `CC BY-SA 4.0`, `CC0 1.0`, `Public domain`."""

import re

PUBLIC_DOMAIN = "Public domain"
NO_KNOWN_RESTRICTIONS = "No known copyright restrictions"
"""What museums declare if they know of no copyright, which is less than the public domain. Commons says it shorter."""
_CODES = ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
_CC = re.compile(
    r"(?:cc[\s-]+|licenses/)?(by(?:-(?:nc|nd|sa))*)(?:[\s/-]+(\d\.\d))?(?:[\s/-]+([a-z]{2,3}))?", re.IGNORECASE
)
_ZERO = re.compile(r"(?:cc[\s-]?0|publicdomain/zero|cc[\s-]zero)(?:[\s/-]+\d\.\d)?", re.IGNORECASE)
_FREE = re.compile(r"pdm?(?:[\s-].*)?|public[\s-]domain.*|.*publicdomain/mark.*", re.IGNORECASE)
_NO_RESTRICTIONS = re.compile(r"no (?:known )?(?:copyright )?restrictions", re.IGNORECASE)
_MAX_CHARACTERS = 80


def normalize(name: str | None) -> str | None:
    """Return the usual short name for a licence's name, code or Creative Commons URL.

    Returns:
        An unknown name unchanged, up to 80 characters; None if there is no name.
    """
    if not name or not (name := name.strip()):
        return None
    bare = re.sub(r"^https?://(?:www\.)?creativecommons\.org/", "", name, flags=re.IGNORECASE)
    bare = re.sub(r"/(?:deed.*|legalcode.*)?$", "", bare)
    if _ZERO.fullmatch(bare):
        return "CC0 1.0"
    if _FREE.fullmatch(bare):
        return PUBLIC_DOMAIN
    if _NO_RESTRICTIONS.fullmatch(bare):
        return NO_KNOWN_RESTRICTIONS
    match = _CC.fullmatch(bare)
    if match and match[1].lower() in _CODES:
        parts = ("CC", match[1].upper(), match[2], match[3] and match[3].upper())
        return " ".join(part for part in parts if part)
    return name[:_MAX_CHARACTERS]
