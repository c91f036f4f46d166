"""Which encoder the stage provides; those of each kind are tested in `encoders`."""

import subprocess
import sys

import pytest

from configs.schema import PretrainConfig
from tasks.pretrain import stage as pretrain
from tasks.store.errors import UserError


@pytest.mark.parametrize(
    ("encoder", "kind"),
    [
        ("autoencoder", "autoencoder"),
        ("none", "none"),
        ("efficientnet_lite0", "network"),
        ("vgg16", "network"),
        ("hub:dinov2_small", "network"),
    ],
)
def test_a_name_says_which_kind_of_encoder_is_meant(encoder: str, kind: str) -> None:
    assert PretrainConfig(encoder=encoder).kind == kind


@pytest.mark.parametrize(
    ("encoder", "hint"),
    [
        ("efficientnet_lite_0", "efficientnet_lite0"),
        ("autoencoders", "autoencoder"),
        ("vgg61", "vgg19"),
        ("nonne", "none"),
    ],
)
def test_an_unknown_encoder_is_refused_with_the_nearest_name_and_all_names(tmp_path, encoder: str, hint: str) -> None:
    with pytest.raises(
        UserError,
        match=rf"pretrain\.encoder: there is no network '{encoder}' \(did you mean {hint}\?\).*resnet18.*none",
    ):
        pretrain.external_inputs(PretrainConfig(encoder=encoder), tmp_path)


def test_code_of_another_kind_of_encoder_does_not_make_an_encoder_stale() -> None:
    modules = {name: pretrain.dynamic_modules(PretrainConfig(encoder=name)) for name in ("autoencoder", "vgg16")}
    assert modules["autoencoder"] == ["tasks.pretrain.encoders.autoencoder"]
    assert modules["vgg16"] == ["tasks.pretrain.encoders.network", "tasks.networks.backbones._applications"]


@pytest.mark.slow
def test_stages_are_imported_without_heavy_libraries() -> None:
    heavy_libraries = "{'keras', 'tensorflow', 'pandas', 'cv2', 'scipy', 'sklearn'}"
    stages = ", ".join(f"tasks.{stage}.stage" for stage in ("pretrain", "extract", "train"))
    code = f"import sys, {stages}; assert not {heavy_libraries} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
