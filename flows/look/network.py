"""Find the network to look into: that of a trained model, or a pretrained one as it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig, PretrainConfig
from configs.suggest import did_you_mean
from flows.models.find import find_run
from flows.predict import model as models
from flows.run_records import RunRecord
from tasks.networks.encode import encoder_info
from tasks.store.errors import UserError
from tasks.store.manifest import Manifest
from tasks.store.store import Store
from tasks.tables.pretrain import ENCODER_INFO

_MOST_NAMED = 12
"""Layers that an error message names."""


@dataclass(frozen=True)
class Network:
    """A network and how it gets its tiles."""

    title: str
    """Whose network it is."""
    graph: Any
    """From tiles, or from an autoencoder's codes, to logits or features: a flat Keras model with the layer `features`.

    Only `tasks` may import Keras.
    """
    encoder: Any
    """The autoencoder's encoder, if the graph takes its codes; else None."""
    preprocess: PreprocessConfig
    pretrained: tuple[str, ...]
    """The backbones whose pretrained weights it began with."""
    model: models.Model | None
    """The trained model; None for a pretrained network as it is."""

    def tile(self, photo: bytes) -> NDArray[np.uint8]:
        """Turn a photo into the tile that the network gets, `(side, side, 1 or 3)`; raises ValueError if it can't."""
        from tasks.images.tiles import tile_of

        return tile_of(photo, self.preprocess)

    def layers(self) -> list[Any]:
        """List the layers that give feature maps, in their order: those of the autoencoder's encoder come first.

        Raises:
            UserError: It has none, such as a vision transformer of KerasHub.
        """
        from tasks.networks.explain.layers import encoder_maps, feature_maps

        before = encoder_maps(self.encoder or self.graph)
        try:
            return [*before, *feature_maps(self.graph)]
        except ValueError as error:
            raise UserError(f"{self.title} has no layer with feature maps, so there is nothing to look at") from error

    def is_of_encoder(self, layer: Any) -> bool:
        """Return whether a layer is one of the autoencoder's encoder, which takes tiles, and not of the graph."""
        return self.encoder is not None and any(each is layer for each in self.encoder.layers)

    def layer(self, name: str) -> Any:
        """Return a layer that gives feature maps.

        Raises:
            UserError: There is no such layer; the message names the nearest ones.
        """
        known = {layer.name: layer for layer in self.layers()}
        if name in known:
            return known[name]
        begin = [each for each in known if each.startswith(name)]
        shown = begin or _spread(list(known))
        listed = f"{', '.join(shown[:_MOST_NAMED])}{' ...' if len(shown) > _MOST_NAMED else ''}"
        which = f"those that begin with {name!r} are" if begin else "some of its layers are"
        raise UserError(
            f"--layer {name}: {self.title} has no such layer with feature maps"
            f"{'' if begin else did_you_mean(name, list(known))}; {which} {listed}; without --layer, "
            "network.txt lists all"
        )


def of_model(root: Path, name: str | None) -> Network:
    """Load the network of a trained model.

    Args:
        root: The data folder.
        name: See `flows.models.find.find_run`; None: the champion of the only name.

    Raises:
        UserError: There is no such model, or it has been deleted.
    """
    from tasks.networks.keras_io import load

    store = Store(root)
    run = find_run(root, name)
    model = models.of_run(store, run)
    return Network(
        title=f"the model of run {run.id}",
        graph=load(model.classifier),
        encoder=load(model.encoder) if model.encoder else None,
        preprocess=model.preprocess,
        pretrained=_pretrained(store, run),
        model=model,
    )


def pretrained(name: str) -> Network:
    """Build a pretrained network as it is.

    Args:
        name: A backbone, as `pretrain.encoder` names it.

    Raises:
        UserError: There is no such network, or its weights can't be had.
    """
    from tasks.networks import backbones
    from tasks.networks.pretrained import pretrained_encoder
    from tasks.networks.weights import OF_LOOK

    backbones.check(name, "--network")
    preprocess = PreprocessConfig(fit="cut")
    shape = (preprocess.side_px, preprocess.side_px, 3)
    graph = pretrained_encoder(shape, PretrainConfig(encoder=name, texture=False), OF_LOOK)
    return Network(name, graph, None, preprocess, (name,), None)


def _pretrained(store: Store, run: RunRecord) -> tuple[str, ...]:
    """Return the networks whose pretrained weights a model began with: as its encoder, or on an autoencoder's codes."""
    folders = {artifact.stage: store.folder(artifact) for artifact in run.model}
    encoder = folders.get("pretrain")
    if encoder is None or not ENCODER_INFO.path(encoder).exists():  # earlier versions
        return ()
    info = encoder_info(encoder)
    if info.get("kind") == "network":
        name = str(info.get("name", ""))
        return () if name.startswith("hub:") else tuple(name.split("+"))
    trained = Manifest.read(folders["train"]).cache_key.config
    begins = info.get("kind") == "autoencoder" and trained.get("network_weights", "none") != "none"
    return (str(trained["network"]),) if begins else ()


def _spread(names: list[str]) -> list[str]:
    """Choose names evenly, from the first to the last."""
    places = np.linspace(0, len(names) - 1, min(len(names), _MOST_NAMED)).round().astype(int)
    return [names[i] for i in dict.fromkeys(places.tolist())]
