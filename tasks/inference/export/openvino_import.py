"""Import OpenVINO without its telemetry.

OpenVINO's package reports each import to Google Analytics without asking, if the package `openvino-telemetry`, which it
requires, can be imported. If it can't, OpenVINO uses a stub of its own that sends nothing.
"""

import sys
from importlib import import_module
from types import ModuleType


def openvino_without_telemetry() -> ModuleType:
    """Return the module `openvino`; in this process, it sends nothing about its use."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # makes its import an ImportError
    return import_module("openvino")
