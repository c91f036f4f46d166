"""Untrained networks, and files as PyTorch wrote them."""

import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.networks import backbones


@pytest.fixture(scope="session")
def untrained() -> Callable[[str], keras.Model]:
    """Keras' own networks for 64 px, without a head, with random weights; each is built once."""

    @cache
    def network(name: str) -> keras.Model:
        backbone = backbones.load(name)
        side = max(64, backbone.min_side_px)
        assert backbone.application is not None
        return backbone.application(include_top=False, weights=None, input_shape=(side, side, 3))

    return network


# what stands for PyTorch's own: a file contains their names only
_FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
_LongStorage = type("LongStorage", (), {"__module__": "torch"})


def _rebuild_tensor_v2(*arguments: object) -> None:
    """Stands for PyTorch's function of that name."""


_rebuild_tensor_v2.__module__ = "torch._utils"


@dataclass(frozen=True)
class TorchTensor:
    """What a tensor is in a file: a part of a storage."""

    storage: NDArray[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        rest = (False, OrderedDict())  # no gradient, no hooks
        return _rebuild_tensor_v2, (_Reference(self.storage), self.offset, self.shape, self.strides, *rest)


@dataclass(frozen=True)
class _Reference:
    storage: NDArray[Any]


@pytest.fixture
def torch_tensor() -> type[TorchTensor]:
    return TorchTensor


TorchWriter = Callable[..., bytes]


@pytest.fixture
def torch_file_of(monkeypatch: pytest.MonkeyPatch) -> TorchWriter:
    """Write a file of PyTorch before 1.6: `write(weights, **parts)`, where parts replace single parts of the file."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for module, made in [(torch, _FloatStorage), (torch, _LongStorage), (utils, _rebuild_tensor_v2)]:
        setattr(module, made.__name__, made)

    def write(
        weights: object, *, magic: int = 0x1950A86A20F9469CFC6C, version: int = 1001, little_endian: bool = True
    ) -> bytes:
        storages: dict[str, NDArray[Any]] = {}

        class Pickler(pickle.Pickler):
            def persistent_id(self, value: object) -> Any:
                if not isinstance(value, _Reference):
                    return None
                key = str(id(value.storage))
                storages[key] = value.storage
                kind = _LongStorage if value.storage.dtype == np.int64 else _FloatStorage
                return ("storage", kind, key, "cpu", len(value.storage), None)

        def part(value: object) -> bytes:
            buffer = BytesIO()
            Pickler(buffer, protocol=2).dump(value)
            return buffer.getvalue()

        given: Any = weights
        if isinstance(weights, dict):
            arrays = {
                name: _contiguous(value) if isinstance(value, np.ndarray) else value for name, value in weights.items()
            }
            given = OrderedDict(arrays)
            given.__dict__["_metadata"] = OrderedDict({"": {"version": 1}})  # as PyTorch writes it
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)
            head = part(magic) + part(version) + part({"protocol_version": 1001, "little_endian": little_endian})
            head += part(given) + part(sorted(storages))
        return head + b"".join(
            struct.pack("<q", len(storages[key])) + storages[key].tobytes() for key in sorted(storages)
        )

    return write


def _contiguous(values: NDArray[Any]) -> TorchTensor:
    strides = tuple(stride // values.itemsize for stride in values.copy().strides)
    return TorchTensor(np.ravel(values), values.shape, strides)
