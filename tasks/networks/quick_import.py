"""Import Keras without packages that it takes along for purposes that fluke doesn't have."""

import gc
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from threading import get_ident
from types import ModuleType

KERAS = "keras"
HIDDEN = frozenset({"IPython", "matplotlib", "sklearn"})
"""Keras draws with the first two, and offers its networks to the third; it does without each. They take a quarter of
its import. Garbage collections, which find nothing meanwhile, take another tenth of it and, later, a second in each
process."""


class _Finder(MetaPathFinder):
    """Finds Keras and, for the thread that is importing it, nothing of `HIDDEN`. What is loaded already stays."""

    def __init__(self) -> None:
        self.importing: int | None = None

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in HIDDEN and self.importing == get_ident():
            raise ModuleNotFoundError(f"{name} is hidden while Keras is imported", name=name)
        if name != KERAS or self.importing is not None:
            return None
        found = PathFinder.find_spec(name, path, target)
        if found and found.loader:
            found.loader = _Loader(found.loader, self)
        return found


class _Loader(Loader):
    def __init__(self, loader: Loader, finder: _Finder) -> None:
        self._loader, self._finder = loader, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__:  # whoever reads files of the package asks its own loader
            module.__spec__.loader = module.__loader__ = self._loader
        collects = gc.isenabled()
        gc.disable()
        self._finder.importing = get_ident()
        try:
            self._loader.exec_module(module)
        finally:
            sys.meta_path.remove(self._finder)
            gc.freeze()  # its modules stay, so later collections needn't look at them
            if collects:
                gc.enable()


def install() -> None:
    """Make the first `import keras` after this call, or that of TensorFlow, which imports it, a quick one."""
    if KERAS not in sys.modules and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
