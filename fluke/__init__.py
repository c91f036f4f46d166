"""From keywords, a folder or a CSV of photos to an evaluated image classifier.

    import fluke

    run = fluke.run("default", "crawl.path=PHOTOS")
    run.metrics["accuracy"], run.table("predictions"), run.figures
    fluke.load_model().predict("photo.jpg")

The command `fluke` calls the same functions. Everything is below ./data, or below $FLUKE_DATA, or below `data=`.
"""

from importlib.metadata import PackageNotFoundError, version

from configs.load import ConfigError
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

try:
    __version__ = version("fluke")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "unknown"
