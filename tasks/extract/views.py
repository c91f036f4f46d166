"""The views of a photo whose features are computed: its tile, the mirrored tile, augmented copies."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from configs.schema import AugmentConfig
from tasks.networks.encode import Encoder, to_float16
from tasks.store import hashing

Compute = Callable[[NDArray[np.uint8], Sequence[str]], NDArray[np.float16]]
"""`compute(tiles, names)` returns the features of the tiles of some photos."""


class Views:
    """Computes features of tiles with an encoder."""

    def __init__(self, encoder: Encoder, *, flip: bool) -> None:
        """Take an encoder; with `flip`, features are the mean of those of a tile and of the mirrored tile."""
        self._encoder = encoder
        self._flip = flip

    def features(self, tiles: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.float16]:
        """Compute the features of tiles `(n, h, w, c)`: float16 `(n, ...)`."""
        found = self._encoder(tiles)
        if not self._flip:
            return found
        mirrored = self._encoder(np.ascontiguousarray(tiles[:, :, ::-1]))
        return to_float16((found.astype(np.float32) + mirrored) / 2)

    def augmented(self, config: AugmentConfig, copy: int) -> Compute:
        """Return a function that computes the features of a copy of each tile; a tile and its name decide its copy.

        Args:
            config: how a copy differs from its tile: flip, rotation, shift, zoom and shear.
            copy: number of the copy.
        """

        def compute(tiles: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.float16]:
            from tasks.networks.augment import DRAWS, changed

            # a generator for each photo: its copy must not depend on which photos are new in the same run
            generators = [np.random.default_rng(int(hashing.of_value([copy, name])[:15], 16)) for name in names]
            draws = np.stack([generator.uniform(-1, 1, DRAWS) for generator in generators]).astype(np.float32)
            return self.features(changed(tiles, config, draws), names)

        return compute
