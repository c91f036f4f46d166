"""Answer photos with the model that is used at the time: decoded on all cores, computed in batches."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flows.api.bodies import Allowance, Limits, RefusedError, check_photo
from flows.api.champion import Champion, ServedModel
from flows.predict.explained import Explanation, explain
from flows.predict.loaded import Answer
from tasks.images.memory import PhotoTooLargeError

MOST_NEAREST = 6
Output = TypeVar("Output")


class Answering:
    """Answers photos; the methods are called in the server's event loop."""

    def __init__(self, champion: Champion, limits: Limits) -> None:
        self.champion = champion
        self.limits = limits
        self.memory = Allowance(limits.waiting_mb * 1e6)
        self._waiting = Allowance(limits.waiting_photos)
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fluke-decoding")

    async def answer(self, served: ServedModel, photo: bytes, top_k: int) -> Answer:
        """Answer a photo.

        Raises:
            RefusedError: It can't be read, is too large, or too many photos wait.
        """
        tile = await self._in_thread(photo, lambda: served.model.tile(photo))
        row = await asyncio.wrap_future(served.batcher.submit(tile))
        return served.model.answer(row, top_k)

    async def explanation(self, served: ServedModel, photo: bytes, top_k: int) -> Explanation:
        """Explain the answer to a photo; raises RefusedError as `answer` does."""
        return await self._in_thread(
            photo, lambda: explain(served.model, served.train, photo, top_k=top_k, most_nearest=MOST_NEAREST)
        )

    def take(self, photos: int) -> None:
        """Let photos wait for their answers; raises RefusedError (503) if too many do."""
        self._waiting.take(photos)

    def give_back(self, photos: int) -> None:
        """Say that photos no longer wait."""
        self._waiting.give_back(photos)

    async def run(self, function: Callable[[], Output]) -> Output:
        """Run what would keep other requests waiting on another thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def _in_thread(self, photo: bytes, function: Callable[[], Output]) -> Output:
        def checked() -> Output:
            check_photo(photo, self.limits)
            return function()

        try:
            return await self.run(checked)
        except PhotoTooLargeError as error:
            raise RefusedError(413, f"the photo {error}") from error
        except ValueError as error:
            raise RefusedError(422, f"the photo can't be read: {error}") from error
