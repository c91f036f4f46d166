"""The model that answers: loaded once, and replaced when another one becomes the champion."""

import logging
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from flows import preflight
from flows.api.batching import Batcher
from flows.local_page.images import ImageCache
from flows.models.find import find_run
from flows.predict.explained import TrainPhotos
from flows.predict.loaded import LoadedModel
from flows.run_records import RunRecord
from tasks.store import compiled

logger = logging.getLogger("fluke.api")

MOST_IN_BATCH = 64
_EVERY_S = 10.0
_LINGER_S = 60.0
"""How long a model that is replaced goes on: requests that came before may still be decoding their photos."""


class ServedModel:
    """A model in memory, with the thread that computes its batches."""

    def __init__(self, root: Path, run: RunRecord) -> None:
        """Load the model of a run and answer once, so that no request waits for the compiler.

        Raises:
            UserError: It has been deleted or damaged.
        """
        self.model = LoadedModel(root, run)
        self.train = TrainPhotos(root, run)
        self.run = run
        side = self.model.preprocess.side_px
        channels = 1 if self.model.preprocess.colour == "grey" else 3
        self.model.probabilities_of_tiles(np.zeros((1, side, side, channels), np.uint8))
        self.batcher = Batcher(self.model.probabilities_of_tiles, MOST_IN_BATCH)
        self._root = root

    @cached_property
    def images(self) -> ImageCache:
        """The train photos, for a browser."""
        return ImageCache(self._root, self.train.files)


class Champion:
    """The model of a name, a run or a preset, whichever that is at the time."""

    def __init__(self, root: Path, name: str | None, load: Callable[[Path, RunRecord], ServedModel] = ServedModel):
        """Load the model; for `name`, see `flows.models.find.find_run`.

        Raises:
            UserError: There is no such model, or it has been deleted or damaged.
        """
        self._root, self._name, self._load = root, name, load
        self._ended = threading.Event()
        compiled.keep_in(root)
        with preflight.in_use(root):  # so that it isn't being pruned
            self.current = load(root, find_run(root, name))
        self.problem = ""
        """Why the model that should answer now can't be loaded; until it can, the one before it answers."""

    def refresh(self) -> None:
        """Load another model if another one is meant now."""
        try:
            with preflight.in_use(self._root):
                run = find_run(self._root, self._name)
                if run.id != self.current.run.id:
                    before, self.current = self.current, self._load(self._root, run)
                    before.batcher.close(_LINGER_S)
                    logger.warning("the model of run %s answers now, instead of that of run %s", run.id, before.run.id)
            self.problem = ""
        except Exception as error:  # whatever is wrong with the next model: the one before goes on
            if str(error) != self.problem:
                logger.warning("the model of run %s stays in use: %s", self.current.run.id, error)
            self.problem = str(error)

    def __enter__(self) -> Self:
        """Look for another champion every 10 s until the end of the context."""
        threading.Thread(target=self._watch, name="fluke-champion", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.current.batcher.close()

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self.refresh()
