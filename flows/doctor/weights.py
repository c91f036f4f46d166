"""The weights that are installed with fluke: each file must be the one that fluke knows."""

from collections.abc import Iterator
from pathlib import Path

from configs.schema import PretrainConfig
from flows.doctor.finding import Finding
from tasks.store.errors import UserError


def examine(root: Path) -> Iterator[Finding]:
    """Read the weights of each network that has a package with them."""
    from tasks.networks import backbones

    try:
        packaged = {name: found for name in backbones.names() if (found := backbones.load(name).packaged)}
    except Exception:  # Keras doesn't work; `computing` says so
        return
    for name, package in packaged.items():
        try:
            package.read()
        except UserError as error:
            by_default = name in PretrainConfig().encoder.split("+")
            yield Finding("weights", f"{name}: can't be used", str(error), stops_runs=by_default)
        else:
            yield Finding("weights", f"{name}: the file that fluke knows")
