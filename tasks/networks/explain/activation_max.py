"""Activation maximisation: images that activate a channel, by gradient ascent from weak noise.

Gradients are normalised as in Chollet, "Deep Learning with Python", 2017, section 5.4.2. In each step the image is
shifted at random, which avoids patterns that depend on single pixels (Mordvintsev et al., "Inceptionism", 2015). The
gradient's high frequencies are damped, because networks respond to them more than photos contain them (Olah et al.,
"Feature Visualization", distill.pub/2017/feature-visualization, section "Preconditioning and Parameterization").
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from tasks.networks.explain.gradients import Gradient
from tasks.networks.explain.layers import side
from tasks.networks.scaling import scales_pixels

Floats = NDArray[np.float32]

STEPS = 10
_STEP = 16
"""Root mean square of the change in one step, in pixel values 0..255."""
_GREY, _NOISE = 128, 8
"""Mean and standard deviation of the initial noise, in pixel values 0..255."""
_SHIFTS = 32
"""An image is shifted by at most its side divided by this number."""
_LEAST_PX, _LEAST_CELLS = 96, 3
"""Side of the images, and cells of the coarsest map on it: a channel has the same pattern on a larger image, again and
again, and a smaller one is computed several times faster."""


class FromPixels(keras.Model):
    """A differentiable network from pixels to the feature maps of some layers, for images of any side.

    It takes floats `(n, h, w, 1 or 3)`, 0..255, and returns a list of maps, floats `(n, h', w', c)`.
    """

    def __init__(
        self, classifier: keras.Model, shown: Sequence[layers.Layer], encoder: keras.Model | None = None
    ) -> None:
        """Combine parts of a trained network; its layers are shared.

        Args:
            classifier: a classifier.
            shown: some of its layers. Of an activation the input is used, because ReLU has no gradient where its output
                is 0.
            encoder: the encoder, for a classifier of codes; rounding codes to float16 is left out.
        """
        super().__init__(name="from_pixels", dtype="float32")
        activations = layers.ReLU, layers.Activation
        maps = [layer.input if isinstance(layer, activations) else layer.output for layer in shown]
        first = classifier if encoder is None else encoder
        scaled = [layer.output for layer in first.layers if scales_pixels(layer)]
        pixels = keras.Input(first.input_shape[1:], dtype="float32", name="pixels")
        # a cast to uint8 has no gradient, so the layers before the network are built again for floats
        self._parts = [keras.models.clone_model(keras.Model(first.input, scaled), input_tensors=pixels)]
        if encoder is None:
            self._parts.append(keras.Model(scaled, maps))
        else:
            self._parts += [keras.Model(scaled, encoder.output), keras.Model(classifier.input, maps)]
        self.channels = [int(each.shape[-1]) for each in maps]
        self.image_shape = self._image_shape(first.input_shape[1:], shown)
        self.built = True

    def call(self, pixels: Any, training: bool = False) -> list[Any]:
        """Compute the maps of images `(n, h, w, 1 or 3)`."""
        x = pixels
        for part in self._parts:
            x = part.call(x, training=training)  # unlike part(x), it doesn't compare the side with that of the tiles
        return x if isinstance(x, list) else [x]

    def _image_shape(self, tile: tuple[int, int, int], shown: Sequence[layers.Layer]) -> tuple[int, int, int]:
        """Return the shape of the images: a small square if the network takes any side, else that of a tile."""
        whole = min(tile[:2])
        stride = -(-whole // min(side(layer) for layer in shown))
        small = stride * max(_LEAST_CELLS, -(-_LEAST_PX // stride))
        inside = (layer for part in self._parts for layer in part.layers)
        if small >= whole or not all(map(_takes_any_side, inside)):
            return tile
        return small, small, tile[2]


def maximise(
    network: FromPixels, channels: Sequence[NDArray[np.integer]], *, steps: int = STEPS, seed: int = 0
) -> list[NDArray[np.uint8]]:
    """Compute one image for each channel that maximises the channel's mean over its map.

    All of them are computed together. While a channel has no gradient, its image is changed at random.

    Args:
        network: the network.
        channels: for each of its maps, numbers of channels, `(k,)`.
        steps: number of gradient steps.
        seed: seed of the random numbers.

    Returns:
        For each map, images, uint8 `(k, h, w, 1 or 3)`.
    """
    random = np.random.default_rng(seed)
    gradient_of = Gradient(network, many_calls=True)
    ends = np.cumsum([len(each) for each in channels])
    shape = (int(ends[-1]), *network.image_shape)
    weights = []
    for depth, chosen, end in zip(network.channels, channels, ends, strict=True):
        weight = np.zeros((shape[0], 1, 1, depth), np.float32)
        weight[np.arange(end - len(chosen), end), 0, 0, chosen] = 1
        weights.append(weight)
    images = _GREY + _NOISE * random.standard_normal(shape, np.float32)
    most = max(1, min(shape[1:3]) // _SHIFTS)
    for _ in range(steps):
        shift = random.integers(-most, most, 2, endpoint=True)
        gradient = np.roll(gradient_of(np.roll(images, shift, (1, 2)), *weights), -shift, (1, 2))
        noise = random.standard_normal(shape, np.float32)
        flat = ~gradient.any(axis=(1, 2, 3), keepdims=True)
        direction = _damped(np.where(flat, noise, gradient))
        length = np.sqrt(np.square(direction).mean(axis=(1, 2, 3), keepdims=True))
        images = np.clip(images + _STEP * direction / length, 0, 255)
    return np.split(images.round().astype(np.uint8), ends[:-1])


def _damped(gradients: Floats) -> Floats:
    """Divide the amplitude of each frequency of `(n, h, w, c)` by the frequency, as in photos."""
    height, width = gradients.shape[1:3]
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequencies = np.maximum(frequencies, 1 / max(height, width))[..., None]
    spectrum = np.fft.rfft2(gradients, axes=(1, 2)) / frequencies
    return np.asarray(np.fft.irfft2(spectrum, s=(height, width), axes=(1, 2)), np.float32)


def _takes_any_side(layer: layers.Layer) -> bool:
    """Return whether a layer computes maps of any size; of layers that are not Keras' own, that isn't known."""
    if isinstance(layer, layers.Reshape):
        return bool(tuple(layer.target_shape[:-1]) == (1, 1))  # of squeeze and excitation
    return type(layer).__module__.startswith("keras.src.") and not isinstance(layer, layers.Flatten)
