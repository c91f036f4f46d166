"""Weights in files that PyTorch wrote before its version 1.6, read without PyTorch and without running their pickles.

Such a file is a row of five pickles and the raw numbers: a magic number, the version of the format, facts about the
machine, the weights by name, and the keys of the storages; then, for each key in that order, an int64 with the number
of elements and the elements themselves. A pickle is a program. `pickle` would run it, and could call any function of
Python; here an interpreter of a few of its instructions builds dicts, tuples and arrays, and refuses the rest.
"""

import math
import pickletools
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_DTYPES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}
_MOST_AXES = 32
_ORDERED_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_NUMBERS_AND_TEXT = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"})


class TorchFileError(ValueError):
    """The file is damaged, or contains more than named arrays."""


class _Global(NamedTuple):
    """A name of a pickle, which is never imported."""

    name: str


class _Storage(NamedTuple):
    """A reference to a storage, whose numbers follow the pickles."""

    key: str
    dtype: "np.dtype[Any]"
    length: int


class _Tensor(NamedTuple):
    """A part of a storage; all numbers count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_MARK = object()


def read(content: bytes) -> dict[str, NDArray[Any]]:
    """Read the arrays of a file.

    Nothing in it is executed. The arrays share the memory of `content` and cannot be written to; they need no memory
    of their own, whatever shapes the file gives them.

    Args:
        content: the bytes of the whole file.

    Returns:
        Arrays by name, in the order of the file, with the shapes and types that they have there.

    Raises:
        TorchFileError: the file is damaged, contains other things than arrays, or is in another format (PyTorch 1.6
            and later write ZIP files by default).
    """
    try:
        return _read(content)
    except TorchFileError:
        raise
    except (ValueError, LookupError, TypeError, OverflowError, StopIteration, struct.error) as error:
        raise TorchFileError("it is damaged or truncated") from error


def _read(content: bytes) -> dict[str, NDArray[Any]]:
    file = BytesIO(content)
    if content[:4] == b"PK\x03\x04" or _unpickle(file) != _MAGIC:
        raise TorchFileError("it is not a PyTorch file of the format before PyTorch 1.6")
    machine = _unpickle(file) == _VERSION and _unpickle(file)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise TorchFileError("it has another version, or the byte order of another machine")
    storages: dict[str, _Storage] = {}
    tensors = _unpickle(file, storages)
    keys = _unpickle(file)
    if not isinstance(tensors, dict) or not all(isinstance(value, _Tensor) for value in tensors.values()):
        raise TorchFileError("it contains other things than named arrays; save the state dict alone")
    if not isinstance(keys, list) or not all(type(key) is str for key in keys) or sorted(keys) != sorted(storages):
        raise TorchFileError("its list of storages is not that of its arrays")
    starts = _locate((storages[key] for key in keys), content, file.tell())
    return {name: _array(tensor, content, starts[tensor.storage.key]) for name, tensor in tensors.items()}


def _locate(storages: Iterable[_Storage], content: bytes, position: int) -> dict[str, int]:
    """Return the positions of the storages' first elements, in bytes."""
    starts = {}
    for storage in storages:
        (count,) = struct.unpack_from("<q", content, position)
        starts[storage.key] = position + 8
        position += 8 + storage.length * storage.dtype.itemsize
        if count != storage.length or position > len(content):
            raise TorchFileError(f"its storage {storage.key!r} is truncated or has another length than announced")
    if position != len(content):
        raise TorchFileError(f"it has {len(content) - position} bytes after its last storage")
    return starts


def _array(tensor: _Tensor, content: bytes, start: int) -> NDArray[Any]:
    storage, offset, shape, strides = tensor
    if len(shape) != len(strides) or len(shape) > _MOST_AXES or min((offset, *shape, *strides)) < 0:
        raise TorchFileError("an array has negative, missing or too many sizes")
    empty = 0 in shape
    last = offset + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    if (offset if empty else last + 1) > storage.length or math.prod(shape) > storage.length:
        raise TorchFileError("an array is larger than its storage")
    size = storage.dtype.itemsize
    return np.ndarray(
        shape, storage.dtype, content, start + offset * size, [0 if empty else step * size for step in strides]
    )


def _unpickle(file: BytesIO, storages: dict[str, _Storage] | None = None) -> Any:
    """Interpret the next pickle of a file; what it refers to is added to `storages`."""
    machine = _Machine({} if storages is None else storages)
    for opcode, argument, _ in pickletools.genops(file):
        machine.step(opcode.name, argument)
    return machine.result


@dataclass
class _Machine:
    """The part of pickle's stack machine that named arrays need."""

    storages: dict[str, _Storage]
    result: Any = None
    _stack: list[Any] = field(default_factory=list)
    _memo: dict[int, Any] = field(default_factory=dict)

    def step(self, name: str, argument: Any) -> None:
        """Execute one instruction."""
        if name == "PROTO":
            if argument != 2:
                raise TorchFileError(f"it is pickled by protocol {argument}, not 2")
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _NUMBERS_AND_TEXT:
            self._stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self._stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self._stack.append(self._memo[argument])
        elif name in _STEPS:
            _STEPS[name](self, argument)
        else:
            raise TorchFileError(f"it contains more than named arrays (pickle instruction {name})")

    def _mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def _empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def _empty_list(self, _: Any) -> None:
        self._stack.append([])

    def _global(self, name: str) -> None:
        if name not in (_ORDERED_DICT, _TENSOR, *_DTYPES):
            raise TorchFileError(f"it asks for {name.replace(' ', '.')!r}, which named arrays don't need")
        self._stack.append(_Global(name))

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _tuple1(self, _: Any) -> None:
        self._stack.append((self._stack.pop(),))

    def _tuple2(self, _: Any) -> None:
        self._stack[-2:] = [(self._stack[-2], self._stack[-1])]

    def _tuple3(self, _: Any) -> None:
        self._stack[-3:] = [(self._stack[-3], self._stack[-2], self._stack[-1])]

    def _append(self, _: Any) -> None:
        value = self._stack.pop()
        self._last(list).append(value)

    def _append_all(self, _: Any) -> None:
        values = self._pop_to_mark()
        self._last(list).extend(values)

    def _set_item(self, _: Any) -> None:
        value = self._stack.pop()
        self._set(self._stack.pop(), value)

    def _set_items(self, _: Any) -> None:
        items = self._pop_to_mark()
        target = self._last(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_of_type(key, str)] = value

    def _set(self, key: Any, value: Any) -> None:
        self._last(dict)[_of_type(key, str)] = value

    def _forget_state(self, _: Any) -> None:
        """Drop the attributes of an OrderedDict: PyTorch's version numbers of modules."""
        self._stack.pop()
        self._last(dict)

    def _call(self, _: Any) -> None:
        arguments = _of_type(self._stack.pop(), tuple)
        function = _of_type(self._stack.pop(), _Global).name
        if function == _ORDERED_DICT and not arguments:
            self._stack.append({})
        elif function == _TENSOR:
            storage, offset, shape, strides, *_rest = arguments  # the rest: gradients and hooks, which weights lack
            self._stack.append(
                _Tensor(_of_type(storage, _Storage), _of_type(offset, int), _sizes(shape), _sizes(strides))
            )
        else:
            raise TorchFileError(f"it calls {function.replace(' ', '.')!r} in a way that named arrays don't need")

    def _refer(self, _: Any) -> None:
        kind, storage, key, _device, count, view = _of_type(self._stack.pop(), tuple)
        name = _of_type(storage, _Global).name
        if kind != "storage" or view is not None or name not in _DTYPES or _of_type(count, int) < 0:
            raise TorchFileError("it refers to something that is not a storage of numbers")
        found = _Storage(_of_type(key, str), np.dtype(_DTYPES[name]), count)
        if self.storages.setdefault(found.key, found) != found:
            raise TorchFileError(f"its storage {found.key!r} has two types or lengths")
        self._stack.append(found)

    def _stop(self, _: Any) -> None:
        self.result = self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        place = next(i for i in reversed(range(len(self._stack))) if self._stack[i] is _MARK)
        values = self._stack[place + 1 :]
        del self._stack[place:]
        return values

    def _last(self, kind: type[Any]) -> Any:
        return _of_type(self._stack[-1], kind)


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "EMPTY_DICT": _Machine._empty_dict,
    "EMPTY_LIST": _Machine._empty_list,
    "GLOBAL": _Machine._global,
    "TUPLE": _Machine._tuple,
    "TUPLE1": _Machine._tuple1,
    "TUPLE2": _Machine._tuple2,
    "TUPLE3": _Machine._tuple3,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._append_all,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "BUILD": _Machine._forget_state,
    "REDUCE": _Machine._call,
    "BINPERSID": _Machine._refer,
    "STOP": _Machine._stop,
}


def _sizes(value: Any) -> tuple[int, ...]:
    return tuple(_of_type(size, int) for size in _of_type(value, tuple))


def _of_type(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:
        raise TorchFileError(f"it has a value of the type {type(value).__name__}, not {kind.__name__}")
    return value
