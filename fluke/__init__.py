"""From keywords, a folder or a CSV of photos to an evaluated image classifier.

    import fluke

    run = fluke.run("default", "crawl.path=PHOTOS")
    run.metrics["accuracy"], run.table("predictions"), run.figures
    fluke.load_model().predict("photo.jpg")

The command `fluke` calls the same functions. Everything is below ./data, or below $FLUKE_DATA, or below `data=`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from configs.errors import ConfigError
    from configs.schema import Config
    from fluke.models import Model, load_model
    from fluke.runs import Run, list_runs, load_config, open_run, run
    from tasks.store.errors import UserError

__all__ = [
    "Config",
    "ConfigError",
    "Model",
    "Run",
    "UserError",
    "list_runs",
    "load_config",
    "load_model",
    "open_run",
    "run",
]

_HOMES = {
    "Config": "configs.schema",
    "ConfigError": "configs.errors",
    "Model": "fluke.models",
    "Run": "fluke.runs",
    "UserError": "tasks.store.errors",
    "list_runs": "fluke.runs",
    "load_config": "fluke.runs",
    "load_model": "fluke.models",
    "open_run": "fluke.runs",
    "run": "fluke.runs",
}
"""Where the public names are. They are imported when they are first used: the command `fluke` needs none of them."""


__version__: str

if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> Any:
        if name != "__version__" and name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = _version() if name == "__version__" else getattr(import_module(_HOMES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fluke")
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown"
