"""Modules found by name in a package: adding a source or a backbone is adding a file, with no registry to edit."""

import pkgutil
from importlib import import_module
from types import ModuleType

from configs.suggest import did_you_mean
from tasks.store.errors import UserError


def names(package: str) -> list[str]:
    """Names of a package's public modules, sorted; none of them is imported."""
    found = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def check(package: str, name: str) -> None:
    """Raise UserError with the nearest name and all names if a package has no such module."""
    known = names(package)
    if name not in known:
        hint = did_you_mean(name, known)
        raise UserError(f"{name!r} is not in {package.replace('.', '/')}{hint}; there are {', '.join(known)}")


def load(package: str, name: str) -> ModuleType:
    """Import one of a package's modules; raises UserError if there is no such."""
    check(package, name)
    return import_module(f"{package}.{name}")
