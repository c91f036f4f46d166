"""How many rows a training takes at once where memory is the limit."""

import keras

from tasks.networks import hardware, memory
from tasks.training.errors import TooLargeError


def rows_at_once(network: keras.Model, section: str, remedy: str) -> int | None:
    """Return how many rows to train on at once; None: try a whole batch, as a GPU says when its memory is too small.

    Args:
        network: what is trained.
        section: section of the settings that a message names: `train` or `pretrain`.
        remedy: what to do if memory is too small.

    Raises:
        TooLargeError: not even a single row fits the machine's memory.
    """
    if hardware.gpu_count():
        return None
    needed, has = memory.training_bytes(network), memory.machine_bytes()
    if needed > has:
        raise TooLargeError(
            f"{section}: a single tile of {tuple(network.input_shape[1:3])} px needs about {needed / 2**30:.0f} GiB in "
            f"training, and this machine has {has / 2**30:.0f} GiB; {remedy}"
        )
    return memory.rows_in_training(network)
