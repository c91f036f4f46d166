import os
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.networks import torch_file
from tasks.networks.torch_file import TorchFileError

Writer = Callable[..., bytes]
Tensor = Callable[..., Any]


@pytest.fixture
def small(torch_file_of: Writer) -> bytes:
    return torch_file_of({"conv.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "steps": np.array(7)})


def test_arrays_are_read_by_name_in_order_with_their_shapes_and_types(small: bytes) -> None:
    found = torch_file.read(small)
    assert list(found) == ["conv.weight", "steps"]
    np.testing.assert_array_equal(found["conv.weight"], [[0, 1, 2], [3, 4, 5]])
    assert found["conv.weight"].dtype == np.float32
    assert found["steps"].shape == ()
    assert found["steps"] == 7
    assert found["steps"].dtype == np.int64
    assert not found["conv.weight"].flags.writeable


def test_tensors_may_share_a_storage_and_be_transposed(torch_file_of: Writer, torch_tensor: Tensor) -> None:
    storage = np.arange(12, dtype=np.float32)
    found = torch_file.read(
        torch_file_of(
            {
                "transposed": torch_tensor(storage, (3, 4), (1, 3)),
                "end": torch_tensor(storage, (2,), (1,), 10),
                "empty": torch_tensor(storage, (0, 4), (4, 1)),
            }
        )
    )
    np.testing.assert_array_equal(found["transposed"], storage.reshape(4, 3).T)
    np.testing.assert_array_equal(found["end"], [10, 11])
    assert found["empty"].shape == (0, 4)


def test_a_file_without_arrays_is_empty(torch_file_of: Writer) -> None:
    assert torch_file.read(torch_file_of({})) == {}


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((7,), (1,), 0),
        ((2, 3), (4, 1), 0),
        ((6,), (1,), 1),
        ((-1,), (1,), 0),
        ((2,), (-1,), 3),
        ((1,), (1,), -1),
        ((2, 3), (3,), 0),
        ((2**40,), (0,), 0),
        ((2**62, 2**62), (0, 0), 0),
        ((0,), (1,), 2**62),
        ((1,) * 1000, (1,) * 1000, 0),
    ],
)
def test_an_array_outside_its_storage_is_refused(
    torch_file_of: Writer,
    torch_tensor: Tensor,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
) -> None:
    content = torch_file_of({"w": torch_tensor(np.zeros(6, np.float32), shape, strides, offset)})
    with pytest.raises(TorchFileError, match=r"^an array "):
        torch_file.read(content)


def test_every_truncated_file_is_refused(small: bytes) -> None:
    for length in range(len(small)):
        with pytest.raises(TorchFileError):
            torch_file.read(small[:length])
    with pytest.raises(TorchFileError, match="3 bytes after its last storage"):
        torch_file.read(small + b"abc")


def test_a_damaged_file_gives_arrays_or_one_kind_of_error(small: bytes) -> None:
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(3000):
        content = bytearray(small)
        for place in random.integers(0, len(small), 2):
            content[place] = random.integers(0, 256)
        try:
            torch_file.read(bytes(content))
        except TorchFileError:
            refused += 1
    assert refused > 1000


def test_a_storage_of_another_length_than_announced_is_refused(small: bytes) -> None:
    announced = struct.pack("<q", 6)
    for count in (5, 7, -1, 2**62):
        with pytest.raises(TorchFileError, match="truncated or has another length"):
            torch_file.read(small.replace(announced, struct.pack("<q", count)))


class Hostile:
    """Calls a function where a pickle of it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        (Hostile(os.system, "touch {}"), r"(posix|nt)\.system"),
        (Hostile(eval, "open({!r}, 'w')"), "__builtin__.eval"),
        (Hostile(getattr, OrderedDict, "fromkeys"), "__builtin__.getattr"),
        (Hostile(np.frombuffer, b""), "numpy"),
    ],
)
def test_a_function_that_arrays_do_not_need_is_refused_and_not_called(
    torch_file_of: Writer, tmp_path: Path, hostile: Hostile, name: str
) -> None:
    touched = tmp_path / "touched"
    function, arguments = hostile.call
    filled = [part.format(str(touched)) if isinstance(part, str) else part for part in arguments]
    for weights in ({"w": Hostile(function, *filled)}, Hostile(function, *filled)):
        with pytest.raises(TorchFileError, match=name):
            torch_file.read(torch_file_of(weights))
    assert not touched.exists()


def test_other_things_than_named_arrays_are_refused(torch_file_of: Writer) -> None:
    for weights in ([1, 2], {"w": 3}, {"state_dict": {"w": 2}}, "text", None):
        with pytest.raises(TorchFileError, match=r"(other things|more) than named arrays"):
            torch_file.read(torch_file_of(weights))


def test_another_format_version_or_byte_order_is_refused(torch_file_of: Writer) -> None:
    with pytest.raises(TorchFileError, match=r"not a PyTorch file of the format before PyTorch 1\.6"):
        torch_file.read(torch_file_of({}, magic=1))
    with pytest.raises(TorchFileError, match=r"before PyTorch 1\.6"):
        torch_file.read(b"PK\x03\x04" + bytes(100))
    with pytest.raises(TorchFileError, match="another version"):
        torch_file.read(torch_file_of({}, version=1002))
    with pytest.raises(TorchFileError, match="byte order"):
        torch_file.read(torch_file_of({}, little_endian=False))


HEAD = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)]


@pytest.mark.parametrize(
    "program",
    [
        b"Nr\xff\xff\xff\xff.",  # a memo of 2^32 places
        b"X\xff\xff\xff\x7f" + b".",  # a text of 2 GB
        b"]" + b"q\x00(h\x00h\x00e" * 60 + b".",  # lists that contain each other twice, 2^60 deep
        b")" + b"\x85" * 50_000 + b".",  # a tuple in a tuple in a tuple ...
        b"}))" + b"\x86q\x00h\x00h\x00\x86" * 60 + b"Ns.",  # a key whose hash would take 2^60 steps
        b"(" * 100_000 + b".",
        b"0000.",
        b"ccollections\nOrderedDict\n)\x81}b.",  # a new object with a state
    ],
)
def test_a_pickle_that_would_exhaust_the_reader_is_refused(program: bytes) -> None:
    with pytest.raises(TorchFileError):
        torch_file.read(b"".join([*HEAD, b"\x80\x02" + program, pickle.dumps([], 2)]))
    with pytest.raises(TorchFileError):
        torch_file.read(b"".join([*HEAD, pickle.dumps(OrderedDict(), 2), b"\x80\x02" + program]))
