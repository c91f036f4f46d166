"""The folders of trainings under way, in which a killed training finds its checkpoints."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.store import hashing
from tasks.store.context import StageContext

FINISHED = "finished"
"""Marks the folder of a training that has ended."""
NAME = "under-way"
"""The folder in a stage's pools that has the folders of its trainings."""


def folder_of(inputs: Sequence[Any], context: StageContext) -> Path:
    """Return the folder of a training; its name is a digest of all that decides it.

    With `context.fresh`, what an earlier run has left in it is deleted.

    Args:
        inputs: values that JSON can represent.
        context: the context of the stage.
    """
    folder = context.pools / NAME / hashing.of_value([context.source, *inputs])[:24]
    if context.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def keep_only(folder: Path) -> None:
    """Mark the training in a folder as finished, and delete those of earlier finished trainings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FINISHED).touch()
    for other in folder.parent.iterdir():
        if other != folder and (other / FINISHED).exists():
            shutil.rmtree(other, ignore_errors=True)
