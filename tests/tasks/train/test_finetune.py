import keras
import pytest

from tasks.store.errors import UserError
from tasks.train.finetune import freeze, unfreeze


@pytest.fixture
def model() -> keras.Model:
    layers = keras.layers
    inputs = x = keras.Input((4, 4, 1))
    for block in (1, 22, 2):
        x = layers.Conv2D(2, 3, padding="same", name=f"block{block}_conv")(x)
        x = layers.BatchNormalization(name=f"block{block}_norm")(x)
    x = layers.Identity(name="features")(x)
    return keras.Model(inputs, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x)))


def trainable(model: keras.Model) -> set[str]:
    return {layer.name for layer in model.layers if layer.trainable_weights}


def test_freezing_leaves_only_the_head_trainable(model) -> None:
    freeze(model)
    assert trainable(model) == {"logits"}


@pytest.mark.parametrize(
    ("start", "names"),
    [
        ("block2", {"block2_conv"}),
        ("all", {"block1_conv", "block22_conv", "block2_conv"}),
        (2, {"block2_conv"}),
        (6, {"block1_conv", "block22_conv", "block2_conv"}),
    ],
)
def test_unfreezing_from_a_layer_trains_all_but_batch_normalisation(model, start, names) -> None:
    freeze(model)
    unfreeze(model, start)
    assert trainable(model) == {"logits"} | names


def test_batch_normalisation_inside_a_block_that_is_one_layer_stays_frozen() -> None:
    block = keras.Sequential([keras.layers.Conv2D(2, 1, name="inner_conv"), keras.layers.BatchNormalization()])
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Identity(name="features")(block(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(x)))
    freeze(model)
    unfreeze(model, "all")
    conv, norm = block.layers
    assert len(conv.trainable_weights) == 2
    assert not norm.trainable_weights


@pytest.mark.parametrize("start", ["blok2", 9, 0])
def test_an_unknown_layer_is_refused_with_the_known_ones(model, start) -> None:
    with pytest.raises(UserError, match=r"train\.unfreeze.*block1_conv to block2_norm"):
        unfreeze(model, start)
