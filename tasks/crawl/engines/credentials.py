"""Credentials of search engines: only ever in the environment, so that no config, log or artifact has them."""

import os
from collections.abc import Sequence

from tasks.store.errors import UserError


def found(variables: Sequence[str]) -> tuple[str, ...] | None:
    """The values of these environment variables; None if one is missing or empty."""
    values = tuple(os.environ.get(variable, "").strip() for variable in variables)
    return values if all(values) else None


def required(engine: str, variables: Sequence[str], where: str) -> tuple[str, ...]:
    """The values of these environment variables; raises UserError if one is missing.

    where: where one gets them.
    """
    values = found(variables)
    if values is None:
        raise UserError(f"{engine} needs {' and '.join(variables)} in the environment (from {where})")
    return values


def rejected(engine: str, variables: Sequence[str], reason: str) -> UserError:
    """The error to raise if the engine says that the credentials are wrong."""
    return UserError(f"{engine} doesn't accept the credentials in {' and '.join(variables)} ({reason}); correct them")
