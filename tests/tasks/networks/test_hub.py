from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from configs.schema import PretrainConfig
from tasks.networks import hub
from tasks.networks.explain.gradcam import Explainer
from tasks.networks.explain.layers import representative_layers
from tasks.networks.pretrained import pretrained_encoder
from tasks.store.errors import UserError
from tests.helpers.warm_process import WarmProcess

pytestmark = pytest.mark.slow

needs_hub = pytest.mark.skipif(find_spec("keras_hub") is None, reason="needs the extra hub")
SIDE = 32


def resnet() -> Any:
    import keras_hub

    return keras_hub.models.ResNetBackbone([64], [3], [64, 64], [1, 1], [1, 2], "basic_block")


def efficientnet() -> Any:
    import keras_hub

    return keras_hub.models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0, 1.0],
        stackwise_depth_coefficients=[1.0, 1.0],
        stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 1],
        stackwise_input_filters=[8, 8],
        stackwise_output_filters=[8, 16],
        stackwise_expansion_ratios=[1, 2],
        stackwise_strides=[1, 2],
        stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_block_types=["v1", "unfused"],
    )


def vit() -> Any:
    import keras_hub

    return keras_hub.models.ViTBackbone(
        image_shape=(SIDE, SIDE, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )


def dinov2() -> Any:
    import keras_hub

    return keras_hub.models.DINOV2Backbone(
        patch_size=8,
        num_layers=2,
        hidden_dim=16,
        num_heads=2,
        intermediate_dim=32,
        num_register_tokens=2,
        image_shape=(SIDE, SIDE, 3),
    )


def swin() -> Any:
    import keras_hub

    return keras_hub.models.SwinTransformerBackbone(
        image_shape=(SIDE, SIDE, 3), patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4
    )


CONVOLUTIONS = {"ResNet": resnet, "EfficientNet": efficientnet}
WITH_CLASS_TOKEN = {"ViT": vit, "DINOV2": dinov2}
NETWORKS = CONVOLUTIONS | WITH_CLASS_TOKEN | {"SwinTransformer": swin}
SCALE, OFFSET = [0.01, 0.02, 0.03], [-1.0, 0.5, 2.0]


def saved(name: str, folder: Path) -> Any:
    """Write a tiny preset with random weights, and return its backbone."""
    import keras_hub

    keras.utils.set_random_seed(0)
    backbone = NETWORKS[name]()
    random = np.random.default_rng(1)
    backbone.set_weights([value + 0.05 * random.random(value.shape, np.float32) for value in backbone.get_weights()])
    backbone.save_to_preset(folder)
    converter = getattr(keras_hub.layers, f"{name}ImageConverter")
    converter(image_size=(SIDE, SIDE), scale=SCALE, offset=OFFSET).save_to_preset(folder)
    return keras_hub.models.Backbone.from_preset(str(folder))


def encoder_of(folder: Path, side: int = SIDE, channels: int = 3) -> keras.Model:
    return pretrained_encoder((side, side, channels), PretrainConfig(encoder=f"hub:{folder}"))


def tiles(side: int = SIDE, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, side, side, channels), np.uint8)


@needs_hub
@pytest.mark.parametrize("name", NETWORKS)
def test_a_presets_folder_gives_the_pooled_output_of_its_network(name: str, tmp_path: Path) -> None:
    backbone = saved(name, tmp_path / "preset")
    encoder = encoder_of(tmp_path / "preset")
    scaled = (tiles() * np.array(SCALE) + np.array(OFFSET)).astype(np.float32)
    outputs = np.asarray(backbone({"images": scaled} if isinstance(backbone.input, dict) else scaled))
    if name in CONVOLUTIONS:
        expected = outputs.mean(axis=(1, 2))
    elif name in WITH_CLASS_TOKEN:
        expected = np.concatenate([outputs[:, -16:].mean(axis=1), outputs[:, 0]], axis=1)
    else:
        expected = outputs.mean(axis=1)
    found = np.asarray(encoder(tiles()))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@needs_hub
@pytest.mark.parametrize("name", ["EfficientNet", "ViT"])  # one of convolutions, one of tokens
def test_an_encoder_is_stored_and_read_again_in_another_process(name: str, tmp_path: Path) -> None:
    saved(name, tmp_path / "preset")
    encoder = encoder_of(tmp_path / "preset")
    encoder.save(tmp_path / "network.keras")
    np.save(tmp_path / "tiles.npy", tiles())
    code = (
        "from pathlib import Path; import numpy as np; from tasks.networks import keras_io; "
        f"folder = Path({str(tmp_path)!r}); encoder = keras_io.load_artifact(folder / 'network.keras'); "
        "np.save(folder / 'found.npy', encoder.predict_on_batch(np.load(folder / 'tiles.npy')))"
    )
    WarmProcess.run("-c", code)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), encoder.predict_on_batch(tiles()), atol=1e-4)


@pytest.mark.slow
@needs_hub
def test_an_encoder_with_layers_of_kerashub_names_the_extra_where_it_is_missing(tmp_path: Path) -> None:
    saved("ViT", tmp_path / "preset")
    encoder_of(tmp_path / "preset").save(tmp_path / "network.keras")
    code = (
        "import sys; sys.modules['keras_hub'] = None; from pathlib import Path; from tasks.networks import keras_io; "
        f"keras_io.load_artifact(Path({str(tmp_path / 'network.keras')!r}))"
    )
    _, err = WarmProcess.run("-c", code, code=1)
    assert "network.keras has layers of KerasHub, which is not installed; pip install 'fluke[hub]'" in err


@needs_hub
@pytest.mark.parametrize("name", ["EfficientNet", "ViT"])  # one of convolutions, one of tokens
def test_other_sides_and_grey_tiles_are_taken(name: str, tmp_path: Path) -> None:
    saved(name, tmp_path / "preset")
    large, grey = encoder_of(tmp_path / "preset", side=48), encoder_of(tmp_path / "preset", channels=1)
    assert np.isfinite(np.asarray(large(tiles(48)))).all()
    resized = [layer.name for layer in large.layers if layer.name == "resized"]
    assert bool(resized) == (name not in CONVOLUTIONS)
    expected = encoder_of(tmp_path / "preset")(np.repeat(tiles(channels=1), 3, axis=-1))
    np.testing.assert_allclose(np.asarray(grey(tiles(channels=1))), np.asarray(expected), rtol=1e-4, atol=1e-4)


@needs_hub
@pytest.mark.parametrize("name", ["EfficientNet", "ViT"])  # one of convolutions, one of tokens
def test_its_feature_maps_can_be_explained(name: str, tmp_path: Path) -> None:
    saved(name, tmp_path / "preset")
    encoder = encoder_of(tmp_path / "preset")
    classifier = keras.Model(encoder.input, keras.layers.Dense(3, name="logits")(encoder.output))
    maps = Explainer(classifier)(tiles(), np.array([0, 2]))
    assert maps.shape[0] == 2
    assert maps.shape[1] == maps.shape[2] >= 4
    assert maps.max() > 0
    assert representative_layers(classifier)


@needs_hub
def test_a_network_that_is_not_for_photos_is_refused(tmp_path: Path) -> None:
    import keras_hub

    models = keras_hub.models
    models.BertBackbone(30, 1, 1, 4, 8).save_to_preset(tmp_path / "bert")
    with pytest.raises(UserError, match=r"hub:.*cannot load it: .*BertBackbone"):
        encoder_of(tmp_path / "bert")
    models.CLIPBackbone(
        models.CLIPVisionEncoder(8, 4, 1, 1, 8, image_shape=(SIDE, SIDE, 3)),
        models.CLIPTextEncoder(30, 4, 4, 1, 1, 8, max_sequence_length=5),
        4,
    ).save_to_preset(tmp_path / "clip")
    keras_hub.layers.CLIPImageConverter(image_size=(SIDE, SIDE)).save_to_preset(tmp_path / "clip")
    with pytest.raises(UserError, match=r"hub:.*CLIPBackbone is not a network from photos"):
        encoder_of(tmp_path / "clip")


@needs_hub
def test_a_presets_folder_that_is_missing_or_damaged_is_refused(tmp_path: Path) -> None:
    for name in (f"{tmp_path}/absent", str(tmp_path), "./absent", ""):
        with pytest.raises(UserError, match=r"not a preset's folder, which has a config\.json; give"):
            hub.check(f"hub:{name}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot load it: Unrecognized format"):
        encoder_of(tmp_path)
    saved("ViT", tmp_path)
    (tmp_path / "model.weights.h5").write_bytes(b"text")
    with pytest.raises(UserError, match=r"hub:.*cannot load it: "):
        encoder_of(tmp_path)


@needs_hub
def test_an_unknown_preset_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"no preset 'dinov2_smal' for photos \(did you mean dinov2_small\?\)"):
        pretrained_encoder((SIDE, SIDE, 3), PretrainConfig(encoder="hub:dinov2_smal"))


@needs_hub
def test_the_digest_of_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    saved("ViT", tmp_path)
    before = hub.external_inputs(f"hub:{tmp_path}")
    assert before == hub.external_inputs(f"hub:{tmp_path}")
    (tmp_path / "image_converter.json").write_text("{}")
    assert hub.external_inputs(f"hub:{tmp_path}") != before
    assert hub.external_inputs("hub:dinov2_small") == {}


def test_without_kerashub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"hub:dinov2_small: KerasHub is not installed; pip install 'fluke\[hub\]'"):
        hub.check("hub:dinov2_small")
