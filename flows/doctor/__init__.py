"""What `fluke doctor` looks at: one module for each part of the machine, each with a function `examine`.

`examine` yields findings: what fluke sees, and what is wrong with it. It doesn't change anything, and doesn't start a
server. What is slow (the backend of Keras takes seconds to start) comes last.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from flows.doctor import computing, data_folder, decoders, fonts, packages, prefect_server, weights
from flows.doctor.finding import Finding
from flows.file_problems import problem

_PARTS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    data_folder.examine,
    packages.examine,
    decoders.examine,
    fonts.examine,
    prefect_server.examine,
    computing.examine,
    weights.examine,
)


def examine(root: Path) -> Iterator[Finding]:
    """Yield what fluke sees on this machine.

    Args:
        root: The data folder, which need not exist.
    """
    for part in _PARTS:
        try:
            yield from part(root)
        except OSError as error:  # such as a folder that this user may not read
            what = part.__module__.rpartition(".")[2].replace("_", " ")
            yield Finding(what, "can't be looked at", problem(error, root) or str(error), stops_runs=True)
