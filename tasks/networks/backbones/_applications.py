"""Networks of `keras.applications`, used as they are up to their last feature map."""

from typing import TYPE_CHECKING, NamedTuple

from configs.schema import TrainConfig
from tasks.networks.backbones import Backbone

if TYPE_CHECKING:
    import keras

    from tasks.networks.scaling import Scale


class Application(NamedTuple):
    """One of Keras' networks."""

    function: str
    """Its function in `keras.applications`."""
    scale: "Scale"
    min_side_px: int
    upper_part: str
    """Beginning of the name of the first layer of the part that is trained first."""
    scales_pixels: bool = False
    """Whether Keras' network begins with layers that scale pixels; they are left out, as `scale` does the same."""


APPLICATIONS = {
    "vgg16": Application("VGG16", "caffe", 32, "block5"),
    "vgg19": Application("VGG19", "caffe", 32, "block5"),
    "resnet50": Application("ResNet50", "caffe", 32, "conv5"),
    "resnet101": Application("ResNet101", "caffe", 32, "conv5"),
    "resnet152": Application("ResNet152", "caffe", 32, "conv5"),
    "xception": Application("Xception", "tf", 71, "block13"),
    "inception_v3": Application("InceptionV3", "tf", 75, "mixed8"),
    "mobilenet_v3": Application("MobileNetV3Large", "tf", 32, "expanded_conv_12", scales_pixels=True),
    "efficientnet_v2": Application("EfficientNetV2B0", "torch", 32, "block6", scales_pixels=True),
}
"""By the value of `train.network`; docs/networks.md has the papers, the names of layers and the sizes."""


def load(name: str) -> Backbone:
    """Return the backbone of a row of the table."""
    import keras

    row = APPLICATIONS[name]
    function = getattr(keras.applications, row.function)
    options = {"include_preprocessing": False} if row.scales_pixels else {}

    def build(inputs: "keras.KerasTensor", config: TrainConfig) -> "keras.KerasTensor":
        return function(include_top=False, weights=None, input_tensor=inputs, **options).output

    return Backbone(build, row.scale, row.min_side_px, function, upper_part=row.upper_part)
