"""A package that is imported already, put aside until the program imports it.

Prefect reads its settings, from the environment and from files, when it is first imported. A program that is forked
from a process with Prefect has to read its own, at the same moment as a program that really imports Prefect.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_REGISTRY = "prometheus_client"
"""Prefect registers its metrics here when it is imported, and can't do so twice."""


class PutAside(MetaPathFinder, Loader):
    """Takes a package out of `sys.modules`, and puts it back when something imports it."""

    def __init__(self, package: str, read_settings: Callable[[], None], *, with_packages: Sequence[str] = ()) -> None:
        """Put a package aside.

        Args:
            package: Its name.
            read_settings: Is called when the package is back. If it fails, the package is imported anew, and fails by
                itself.
            with_packages: Others to put aside, since they remember what the package has told them.
        """
        self._package, self._read_settings = package, read_settings
        names = [name for name in sys.modules if name.partition(".")[0] in (package, *with_packages)]
        self._modules = {name: sys.modules.pop(name) for name in names}
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the package, once."""
        if fullname != self._package:
            return None
        sys.meta_path.remove(self)
        sys.modules.update(self._modules)
        try:
            self._read_settings()
        except Exception:
            again = [name for name in sys.modules if name.split(".")[0] in (self._package, _REGISTRY)]
            for name in again:
                del sys.modules[name]
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the package that is imported already."""
        module = self._modules[spec.name]
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the package its own specification back; its code has run before."""
        module.__spec__ = self._spec
