"""Backbones by name: `train.network: resnet18` is the module `resnet18.py`. There is no registry to edit.

A backbone module defines

- `backbone(inputs, config)`: adds its layers to a graph, from a Keras tensor of floats `(n, h, w, c)` to a feature map
  `(n, h', w', c')` or to vectors `(n, d)`. The layers belong to the classifier's own graph, without nested models,
  because Grad-CAM must reach every feature map. The names of the layers of one part begin with the part's name
  (`block5`).
- `SCALE`: how pixels are scaled before they enter the network, a `tasks.networks.scaling.Scale`. The caller scales
  them. Codes have mean 0 and variance 1.
- `MIN_SIDE_PX`: the smallest side of an input. The caller enlarges smaller inputs.
- `APPLICATION`, if Keras offers ImageNet weights: the function of `keras.applications` that builds the network.
- `WEIGHTS`, if a package that fluke installs has weights: a `tasks.networks.packaged_weights.PackagedWeights`.
- `UPPER_PART`, for networks with pretrained weights: the beginning of the name of the first layer of the part that is
  trained first, after the head; most of the weights, and a smaller part of the time.
- `ALIASES`, if model files use other names for some layers: our name -> their name.

Networks that are used exactly as `keras.applications` builds them need no module: they are rows of the table in
`_applications.py`. Modules whose names begin with an underscore are not backbones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from configs.schema import TrainConfig
from configs.suggest import did_you_mean
from tasks.store import plugins
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import keras

    from tasks.networks.packaged_weights import PackagedWeights
    from tasks.networks.scaling import Scale

_TABLE = f"{__name__}._applications"


@dataclass(frozen=True)
class Backbone:
    """A network without its head."""

    build: Callable[["keras.KerasTensor", TrainConfig], "keras.KerasTensor"]
    """Adds the layers to a graph: floats `(n, h, w, c)` to a feature map `(n, h', w', c')` or vectors `(n, d)`."""
    scale: "Scale"
    min_side_px: int
    application: "Callable[..., keras.Model] | None" = None
    """The function of keras.applications that offers ImageNet weights, if any."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Names of layers in model files, by our names."""
    packaged: "PackagedWeights | None" = None
    """The weights that are installed with fluke, if any."""
    upper_part: str | None = None
    """Beginning of the name of the first layer of the part that is trained first; None: there is none but the whole."""


def names() -> list[str]:
    """List the names of all backbones, sorted, without importing Keras."""
    return sorted([*plugins.names(__name__), *_table().APPLICATIONS])


def check(name: str, setting: str = "train.network", others: Sequence[str] = ()) -> None:
    """Raise UserError, with the nearest name and all names, if there is no such backbone.

    Args:
        name: the value of the setting.
        setting: its name, for the message.
        others: further values of the setting, for the message.
    """
    known = [*names(), *others]
    if name not in known:
        raise UserError(
            f"{setting}: there is no network {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}"
        )


def module_of(name: str) -> str:
    """Return the full name of the module that defines a backbone."""
    return _TABLE if name in _table().APPLICATIONS else f"{__name__}.{name}"


def load(name: str) -> Backbone:
    """Import a backbone.

    Raises:
        UserError: there is no such backbone.
    """
    check(name)
    module = import_module(module_of(name))
    if module.__name__ == _TABLE:
        found: Backbone = module.load(name)
        return found
    return Backbone(
        module.backbone,
        module.SCALE,
        module.MIN_SIDE_PX,
        getattr(module, "APPLICATION", None),
        getattr(module, "ALIASES", {}),
        getattr(module, "WEIGHTS", None),
        getattr(module, "UPPER_PART", None),
    )


def _table() -> Any:
    # not a normal import: it would make the table part of the source digest of trainings that do not use it
    return import_module(_TABLE)
