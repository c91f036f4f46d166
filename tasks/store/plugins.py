"""Find modules of a package by name: a new source or backbone is a new file, without a registry."""

import pkgutil
from importlib import import_module
from types import ModuleType

from configs.suggest import did_you_mean
from tasks.store.errors import UserError


def names(package: str) -> list[str]:
    """List the names of a package's public modules, sorted, without importing them."""
    found = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def check(package: str, name: str) -> None:
    """Raise UserError if a package has no such module; the message has the closest name and all names."""
    known = names(package)
    if name not in known:
        hint = did_you_mean(name, known, several=True)
        raise UserError(f"{name!r} is not in {package.replace('.', '/')}{hint}; there are {', '.join(known)}")


def load(package: str, name: str) -> ModuleType:
    """Import a module of a package.

    Raises:
        UserError: The package has no such module.
    """
    check(package, name)
    return import_module(f"{package}.{name}")
