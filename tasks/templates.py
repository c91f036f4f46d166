"""Pages from Jinja templates, which escape every text."""

from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from tasks.names import visible
from tasks.text import percent

_NO_FILTERS: Mapping[str, Callable[..., str]] = {}


def template(file: Path, filters: Mapping[str, Callable[..., str]] = _NO_FILTERS) -> Template:
    """Return the template of a file.

    It escapes every text, fails for a name that it isn't given, and knows the filters `percent` and `visible`.

    Args:
        file: The template; what it includes lies beside it.
        filters: More filters, by name.
    """
    environment = Environment(
        loader=FileSystemLoader(file.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "visible": visible, **filters}
    return environment.get_template(file.name)
