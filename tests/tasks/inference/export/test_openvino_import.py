"""OpenVINO is imported without its telemetry; packages of the same names stand in for both."""

import sys
from pathlib import Path

import pytest

from tasks.inference.export.openvino_import import openvino_without_telemetry


def test_openvino_finds_no_telemetry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino_telemetry.py").write_text("")
    (tmp_path / "openvino.py").write_text(
        "try:\n    import openvino_telemetry\n    sends = True\nexcept ImportError:\n    sends = False\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("openvino", "openvino_telemetry"):
        monkeypatch.setitem(sys.modules, name, None)  # so that they are as before when the test is over
        del sys.modules[name]
    assert openvino_without_telemetry().sends is False
