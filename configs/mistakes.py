"""What pydantic finds wrong in a config, as messages that name the setting, the reason and the remedy."""

from collections.abc import Iterator, Sequence
from typing import Any

from configs import old_names
from configs.overrides import SHORT_FORMS, is_secret
from configs.schema import Config
from configs.settings import descriptions
from configs.suggest import did_you_mean

_UNION_BRANCHES = ("literal[", "lax-or-strict[", "function-", "constrained-", "tuple[", "dict[")
"""How pydantic names the alternatives of a setting that takes a word or a path."""


def messages(mistakes: Sequence[Any]) -> Iterator[str]:
    """Yield a message for each of pydantic's errors."""
    places = [mistake["loc"] for mistake in mistakes]
    for mistake in mistakes:
        place = mistake["loc"]
        has_invalid_items = any(other[:-1] == place for other in places)
        if mistake["type"] != "too_short" or not has_invalid_items:  # pydantic counts the valid items
            yield _message(mistake)


def _message(mistake: Any) -> str:
    name = ".".join(str(part) for part in mistake["loc"] if not str(part).startswith(_UNION_BRANCHES))
    if mistake["type"] == "extra_forbidden":
        if name in old_names.MESSAGES:
            return f"{name}: {old_names.MESSAGES[name]}"
        known = [setting for setting, _ in descriptions()] + list(Config.model_fields)
        if name in known:
            section, _, setting = name.partition(".")
            return f"{name}: in a file, write the section `{section}:`, and indented below it `{setting}: ...`"
        return f"{name}: unknown setting{did_you_mean(name, [*SHORT_FORMS, *known])}"
    if mistake["type"] in ("model_type", "model_attributes_type"):
        return (
            f"{name}: this is a section; set one of its settings, such as {_first_setting(name)}=... "
            f"(got {mistake['input']!r})"
        )
    text = str(mistake["msg"]).removeprefix("Value error, ").removesuffix(" for <class 'pathlib.Path'>")
    text = text.replace("tuple", "list").replace("Tuple", "list")
    if mistake["type"] in ("list_type", "tuple_type"):
        text = "must be a list in square brackets"
    got = "" if isinstance(mistake["input"], dict) or is_secret(name) else f" (got {mistake['input']!r})"
    return f"{name}: {text[0].lower()}{text[1:]}{got}" if name else text


def _first_setting(section: str) -> str:
    """Return the dotted name of a section's first setting."""
    return next((setting for setting, _ in descriptions() if setting.startswith(f"{section}.")), section)
