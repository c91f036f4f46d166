"""What a channel of a network responds to: pictures that excite it, by gradient ascent from faint noise.

As in Chollet, "Deep Learning with Python", 2017, section 5.4.2, with normalised gradients. In each step the picture is
shifted at random, against patterns that hang on single pixels (Mordvintsev et al., "Inceptionism", 2015), and the
gradient's high frequencies are damped, since a network answers to them more than photos have of them (Olah et al.,
"Feature Visualization", distill.pub/2017/feature-visualization, section "Preconditioning and Parameterization").
"""

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain.gradients import Gradient

Floats = NDArray[np.float32]

STEPS = 16
_STEP = 12
"""How much a step changes a picture, root mean square; a pixel is 0..255."""
_GREY, _NOISE = 128, 8
"""Mean and deviation of the noise at the beginning."""
_SHIFTS = 32
"""A picture is shifted by up to its side divided by this."""


def from_pixels(classifier: keras.Model, layer: keras.layers.Layer, encoder: keras.Model | None = None) -> keras.Model:
    """A network from pixels to the map of a classifier's layer, which has a gradient all the way.

    Of an activation it is the map before it: where ReLU gives 0, nothing says how to raise that.
    encoder: of a classifier of codes; what rounding the codes to float16 does is left out.
    Returns a network from floats `(n, h, w, 1 or 3)`, 0..255, to floats `(n, h', w', c)`; layers are shared.
    """
    activations = keras.layers.ReLU, keras.layers.Activation
    output = layer.input if isinstance(layer, activations) else layer.output
    if encoder is None:
        return _of_floats(classifier, output)
    coded = _of_floats(encoder, encoder.output)
    return keras.Model(coded.input, keras.Model(classifier.input, output)(coded.output))


def ascend(
    network: keras.Model, channels: NDArray[np.integer], *, steps: int = STEPS, seed: int = 0
) -> NDArray[np.uint8]:
    """Pictures that excite channels `(k,)` of a network, one for each: uint8 `(k, h, w, 1 or 3)`.

    They excite a channel's mean over its map. Where a channel answers nothing at all, its picture is changed at random
    until it does.
    network: from floats 0..255 to a map, as by `from_pixels`.
    """
    random = np.random.default_rng(seed)
    gradient_of = Gradient(network)
    _, height, width, depth = network.output_shape
    counted = np.eye(depth, dtype=np.float32)[channels][:, None, None] / (height * width)
    shape = (len(channels), *network.input_shape[1:])
    pictures = _GREY + _NOISE * random.standard_normal(shape, np.float32)
    most = max(1, min(shape[1:3]) // _SHIFTS)
    for _ in range(steps):
        shift = random.integers(-most, most, 2, endpoint=True)
        gradient = np.roll(gradient_of(np.roll(pictures, shift, (1, 2)), counted), -shift, (1, 2))
        noise = random.standard_normal(shape, np.float32)
        lost = ~gradient.any(axis=(1, 2, 3), keepdims=True)
        direction = _damped(np.where(lost, noise, gradient))
        length = np.sqrt(np.square(direction).mean(axis=(1, 2, 3), keepdims=True))
        pictures = np.clip(pictures + _STEP * direction / length, 0, 255)
    return np.asarray(pictures.round(), np.uint8)


def _damped(pictures: Floats) -> Floats:
    """Pictures `(n, h, w, c)` with each frequency divided by itself, as it is in photos."""
    height, width = pictures.shape[1:3]
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequencies = np.maximum(frequencies, 1 / max(height, width))[..., None]
    spectrum = np.fft.rfft2(pictures, axes=(1, 2)) / frequencies
    return np.asarray(np.fft.irfft2(spectrum, s=(height, width), axes=(1, 2)), np.float32)


def _of_floats(network: keras.Model, output: keras.KerasTensor) -> keras.Model:
    """A network of uint8 tiles up to one of its outputs, but from floats: casting to uint8 has no gradient."""
    scaled = network.get_layer("scaled").output
    pixels = keras.Input(network.input_shape[1:], dtype="float32", name="pixels")
    front = keras.models.clone_model(keras.Model(network.input, scaled), input_tensors=pixels)
    return keras.Model(front.input, keras.Model(scaled, output)(front.output))
