"""Try again what failed for a reason that passes, after growing pauses, and give up in the end."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Output = TypeVar("Output")


@dataclass(frozen=True)
class Retries:
    """How often something is tried, and how long the pauses are: each is drawn between half and all of its length."""

    tries: int = 8
    first_pause_s: float = 0.2
    longest_pause_s: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def call(self, do: Callable[[], Output], passes: Callable[[Exception], bool]) -> Output:
        """Call a function until it returns.

        Args:
            do: The function; it may be called several times.
            passes: Whether an exception has a reason that passes.

        Raises:
            Exception: The last one of the function.
        """
        for number in range(1, self.tries + 1):
            try:
                return do()
            except Exception as error:
                if number == self.tries or not passes(error):
                    raise
            pause_s = min(self.first_pause_s * 2 ** (number - 1), self.longest_pause_s)
            self.sleep(pause_s * random.uniform(0.5, 1))
        raise AssertionError("unreachable")
