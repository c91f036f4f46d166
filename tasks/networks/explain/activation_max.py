"""Activation maximisation: images that activate a channel, by gradient ascent from weak noise.

Gradients are normalised as in Chollet, "Deep Learning with Python", 2017, section 5.4.2. In each step the image is
shifted at random, which avoids patterns that depend on single pixels (Mordvintsev et al., "Inceptionism", 2015). The
gradient's high frequencies are damped, because networks respond to them more than photos contain them (Olah et al.,
"Feature Visualization", distill.pub/2017/feature-visualization, section "Preconditioning and Parameterization").
"""

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain.gradients import Gradient

Floats = NDArray[np.float32]

STEPS = 16
_STEP = 12
"""Root mean square of the change in one step, in pixel values 0..255."""
_GREY, _NOISE = 128, 8
"""Mean and standard deviation of the initial noise, in pixel values 0..255."""
_SHIFTS = 32
"""An image is shifted by at most its side divided by this number."""


def from_pixels(classifier: keras.Model, layer: keras.layers.Layer, encoder: keras.Model | None = None) -> keras.Model:
    """Build a differentiable network from pixels to the feature map of a classifier's layer.

    Args:
        classifier: a classifier; its layers are shared.
        layer: the layer. Of an activation its input is used, because ReLU has no gradient where its output is 0.
        encoder: the encoder, for a classifier of codes; rounding codes to float16 is left out.

    Returns:
        A model from floats `(n, h, w, 1 or 3)`, 0..255, to floats `(n, h', w', c)`.
    """
    activations = keras.layers.ReLU, keras.layers.Activation
    output = layer.input if isinstance(layer, activations) else layer.output
    if encoder is None:
        return _of_floats(classifier, output)
    coded = _of_floats(encoder, encoder.output)
    return keras.Model(coded.input, keras.Model(classifier.input, output)(coded.output))


def maximise(
    network: keras.Model, channels: NDArray[np.integer], *, steps: int = STEPS, seed: int = 0
) -> NDArray[np.uint8]:
    """Compute one image for each channel that maximises the channel's mean over its map.

    While a channel has no gradient, its image is changed at random.

    Args:
        network: a model from floats 0..255 to a map, such as `from_pixels` builds.
        channels: numbers of channels, `(k,)`.
        steps: number of gradient steps.
        seed: seed of the random numbers.

    Returns:
        Images, uint8 `(k, h, w, 1 or 3)`.
    """
    random = np.random.default_rng(seed)
    gradient_of = Gradient(network)
    _, height, width, depth = network.output_shape
    targets = np.eye(depth, dtype=np.float32)[channels][:, None, None] / (height * width)
    shape = (len(channels), *network.input_shape[1:])
    images = _GREY + _NOISE * random.standard_normal(shape, np.float32)
    most = max(1, min(shape[1:3]) // _SHIFTS)
    for _ in range(steps):
        shift = random.integers(-most, most, 2, endpoint=True)
        gradient = np.roll(gradient_of(np.roll(images, shift, (1, 2)), targets), -shift, (1, 2))
        noise = random.standard_normal(shape, np.float32)
        flat = ~gradient.any(axis=(1, 2, 3), keepdims=True)
        direction = _damped(np.where(flat, noise, gradient))
        length = np.sqrt(np.square(direction).mean(axis=(1, 2, 3), keepdims=True))
        images = np.clip(images + _STEP * direction / length, 0, 255)
    return np.asarray(images.round(), np.uint8)


def _damped(gradients: Floats) -> Floats:
    """Divide the amplitude of each frequency of `(n, h, w, c)` by the frequency, as in photos."""
    height, width = gradients.shape[1:3]
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequencies = np.maximum(frequencies, 1 / max(height, width))[..., None]
    spectrum = np.fft.rfft2(gradients, axes=(1, 2)) / frequencies
    return np.asarray(np.fft.irfft2(spectrum, s=(height, width), axes=(1, 2)), np.float32)


def _of_floats(network: keras.Model, output: keras.KerasTensor) -> keras.Model:
    """Rebuild a network of uint8 tiles, up to one of its outputs, for floats: a cast to uint8 has no gradient."""
    scaled = network.get_layer("scaled").output
    pixels = keras.Input(network.input_shape[1:], dtype="float32", name="pixels")
    front = keras.models.clone_model(keras.Model(network.input, scaled), input_tensors=pixels)
    return keras.Model(front.input, keras.Model(scaled, output)(front.output))
