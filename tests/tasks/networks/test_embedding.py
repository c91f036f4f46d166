from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.networks.embedding import Embedding
from tasks.networks.scaling import Scale
from tasks.store.errors import UserError

layers = keras.layers


def photos(count: int, shape: tuple[int, int] = (12, 9)) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(0).integers(0, 256, (count, *shape, 3), np.uint8))


def saved(folder: Path, *body: keras.layers.Layer, shape: tuple[int | None, ...] = (8, 8, 3)) -> Path:
    path = folder / "model.keras"
    keras.Sequential([keras.Input(shape), *body]).save(path)
    return path


def head(classes: int = 5) -> list[keras.layers.Layer]:
    return [layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(classes), layers.Softmax()]


def means(photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(photo.mean(axis=(0, 1)))


def test_features_before_the_head_are_pooled(tmp_path: Path) -> None:
    path = saved(tmp_path, layers.Conv2D(7, 3), *head())
    embedding = Embedding(path, (127, 128))
    vectors = embedding(photos(3))
    assert (embedding.side_px, embedding.length) == (8, 7)
    assert vectors.shape == (3, 7)
    assert vectors.dtype == np.float16
    network = keras.models.load_model(path)
    upright = photos(3, (8, 8))
    scaled = (np.stack(upright).astype(np.float32) - 127) / 128
    pooled = network.layers[0](scaled).numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(embedding(upright), pooled, atol=2e-3)


@pytest.mark.parametrize(
    "end",
    [
        [],
        [layers.GlobalAveragePooling2D()],
        [layers.GlobalAveragePooling2D(), layers.Dense(5)],
        [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax"), layers.Identity()],
        [layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(5, 1), layers.Flatten(), layers.Softmax()],
    ],
    ids=["no head", "pooled", "dense", "softmax", "convolution"],
)
def test_heads_of_all_kinds_are_removed(tmp_path: Path, end: list[keras.layers.Layer]) -> None:
    path = saved(tmp_path, layers.Conv2D(7, 3), *end)
    assert Embedding(path, "tf")(photos(2)).shape == (2, 7)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("tf", lambda rgb: rgb / 127.5 - 1),
        ("caffe", lambda rgb: rgb[::-1] - [103.939, 116.779, 123.68]),
        ("torch", lambda rgb: (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ((127, 128), lambda rgb: (rgb - 127) / 128),
        ((0, 1), lambda rgb: rgb),
    ],
)
def test_pixels_are_scaled_as_configured(tmp_path: Path, scale: Scale, expected: object) -> None:
    path = saved(tmp_path, layers.GlobalAveragePooling2D())
    (photo,) = photos(1, (8, 8))
    assert callable(expected)
    np.testing.assert_allclose(Embedding(path, scale)([photo])[0], expected(means(photo)), rtol=2e-3, atol=2e-3)


def test_a_scale_is_refused_if_the_network_scales_its_pixels_itself(tmp_path: Path) -> None:
    normalised = layers.Normalization(mean=[120, 110, 100], variance=[3000, 3000, 3000])
    for first in (layers.Rescaling(1 / 255), layers.Rescaling(2 / 255, offset=-1), normalised):
        path = saved(tmp_path, first, layers.GlobalAveragePooling2D())
        assert np.isfinite(Embedding(path)(photos(1))).all()
        with pytest.raises(UserError, match=r"embedding_scale: .* itself, and \[127, 128\] .* again; set it to null"):
            Embedding(path, (127, 128))
    (photo,) = photos(1, (8, 8))
    nested = keras.Sequential([keras.Input((8, 8, 3)), layers.RandomFlip(), layers.Rescaling(1 / 255)])
    embedding = Embedding(saved(tmp_path, nested, layers.GlobalAveragePooling2D()))
    np.testing.assert_allclose(embedding([photo])[0], means(photo) / 255, rtol=2e-3)


@pytest.mark.parametrize(
    "first",
    [layers.Conv2D(4, 3), layers.Rescaling(2, offset=-1), layers.Normalization(mean=[0.5] * 3, variance=[0.1] * 3)],
)
def test_an_unknown_scale_must_be_configured(tmp_path: Path, first: keras.layers.Layer) -> None:
    path = saved(tmp_path, first, *head())
    with pytest.raises(
        UserError, match=r"filter\.embedding_scale: .*model\.keras does not contain its pixel scale.* \[127, 128\]"
    ):
        Embedding(path)


def test_a_scale_that_divides_by_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\[1, 0\] would divide by 0"):
        Embedding(saved(tmp_path, *head()), (1, 0))


def test_files_that_are_not_networks_of_rgb_photos_are_refused(tmp_path: Path) -> None:
    for shape in [(8, 8, 1), (8, 6, 3), (3, 8, 8)]:
        with pytest.raises(UserError, match=r"must take square RGB photos.*it takes \(\d, \d, \d\)"):
            Embedding(saved(tmp_path, *head(), shape=shape), "tf")
    tokens = saved(tmp_path, layers.Reshape((64, 3)), layers.Conv1D(4, 1))
    with pytest.raises(UserError, match=r"before its head are no feature vectors, but \(64, 4\)"):
        Embedding(tokens, "tf")
    for path in (tmp_path / "absent.keras", Path(__file__)):
        with pytest.raises(UserError, match=rf"filter\.embedding: cannot read {path}"):
            Embedding(path, "tf")


def test_a_network_of_any_input_size_gets_224_px(tmp_path: Path) -> None:
    embedding = Embedding(saved(tmp_path, *head(), shape=(None, None, 3)), "tf")
    assert embedding.side_px == 224
    assert embedding(photos(1)).shape == (1, 3)


def test_an_embedding_does_not_depend_on_the_rest_of_its_batch(tmp_path: Path) -> None:
    embedding = Embedding(saved(tmp_path, layers.Conv2D(7, 3), *head()), "tf")
    many = embedding(photos(40))
    np.testing.assert_array_equal(embedding(photos(40)[37:]), many[37:])
    assert embedding([]).shape == (0, 7)


def test_nan_is_refused_and_large_values_are_clipped(tmp_path: Path) -> None:
    flat = layers.GlobalAveragePooling2D
    with pytest.raises(UserError, match=r"model\.keras returns NaN"):
        Embedding(saved(tmp_path, layers.Rescaling(float("nan")), flat()), "tf")(photos(1))
    huge = Embedding(saved(tmp_path, layers.Rescaling(1e9), flat()), (0, 1))(photos(1))
    assert huge.max() == np.finfo(np.float16).max
