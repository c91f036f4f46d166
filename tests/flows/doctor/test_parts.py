"""Each part of the machine with planted faults: packages, decoders, fonts, server, backend, weights."""

import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import server
from flows.doctor import computing, decoders, fonts, packages, prefect_server, weights
from flows.doctor.finding import Finding
from tasks.images import photos
from tasks.networks import backbones
from tasks.networks.packaged_weights import PackagedWeights
from tasks.store.errors import UserError
from tests.helpers.servers import answering


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1
    return found[0]


def test_a_package_of_another_version_or_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    required = ["numpy<1", "no-such-package>=2", "pillow>=1", "mlflow-skinny; extra == 'mlflow'"]
    monkeypatch.setattr(metadata, "requires", lambda name: required)
    found = only(list(packages.examine(Path())))
    assert found.stops_runs
    assert "numpy has version" in found.problem
    assert "no-such-package is not installed" in found.problem
    assert found.problem.endswith("`pip install 'numpy<1' 'no-such-package>=2'`")
    required[:2] = []
    assert only(list(packages.examine(Path()))).problem == ""


def test_all_formats_are_decoded_here() -> None:
    found = only(list(decoders.examine(Path())))
    assert found.seen.startswith("JPEG, PNG, GIF, BMP, WEBP, TIFF, AVIF, HEIC (Pillow ")
    assert not found.problem


def test_a_format_that_cannot_be_decoded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)  # as if it were not installed
    found = only(list(decoders.examine(Path())))
    assert found.problem.startswith("HEIC can't be decoded")
    assert not found.stops_runs

    def refuse(data: bytes) -> None:
        raise OSError("a library is missing")

    monkeypatch.setattr(photos, "decode", refuse)
    assert only(list(decoders.examine(Path()))).stops_runs


def test_a_missing_font_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.evaluate.report.fonts.font_with", lambda character: None)
    found = only(list(fonts.examine(Path())))
    assert "fonts-noto-cjk" in found.problem
    assert not found.stops_runs


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The address of Prefect's settings."""
    from flows.server import configured

    api = SimpleNamespace(url=None, key=None, auth_string=None, ssl_cert_file=None, tls_insecure_skip_verify=False)
    settings = SimpleNamespace(api=api, client=SimpleNamespace(custom_headers={}))
    monkeypatch.setattr(configured, "read", lambda: (settings, []))
    return api


def test_a_server_that_does_not_answer_stops_runs(tmp_path: Path, configured: Any) -> None:
    configured.url = "http://127.0.0.1:9/api"
    found = only(list(prefect_server.examine(tmp_path)))
    assert found.stops_runs
    assert "http://127.0.0.1:9/api does not answer" in found.problem
    assert "PREFECT_API_URL" in found.problem


def test_another_program_in_place_of_the_server_stops_runs(tmp_path: Path, configured: Any) -> None:
    with answering() as stand_in:
        stand_in.code = 200
        configured.url = stand_in.url
        assert only(list(prefect_server.examine(tmp_path))).stops_runs


@pytest.mark.usefixtures("configured")
def test_the_own_server_need_not_run_but_must_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(list(prefect_server.examine(tmp_path))) == Finding("server", "not running; a run starts it")
    monkeypatch.setattr(server, "process_id", lambda root: 77)
    found = only(list(prefect_server.examine(tmp_path)))
    assert (found.seen, found.stops_runs) == ("process 77", True)
    monkeypatch.setattr(server, "url", lambda root: "http://127.0.0.1:4200/api")
    found = only(list(prefect_server.examine(tmp_path)))
    assert "earlier version" in found.problem
    assert not found.stops_runs
    monkeypatch.setattr(server, "is_protected", lambda root: True)
    monkeypatch.setattr(server, "login", lambda root: "fluke:x")
    assert only(list(prefect_server.examine(tmp_path))).seen == "http://127.0.0.1:4200/api (process 77), with a key"


def test_the_backend_its_devices_and_its_precision_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.networks import devices, hardware

    monkeypatch.setattr("flows.doctor.computing.has_gpu", lambda: False)
    found = {each.what: each for each in computing.examine(tmp_path)}
    assert found["backend"].seen.startswith(f"{hardware.compute_signature('auto')[0]} ")
    assert "float" in found["precision"].seen
    assert found["compilation cache"].seen == f"{tmp_path / 'cache'}: empty"
    assert not any(each.problem for each in found.values())
    monkeypatch.setattr("flows.doctor.computing.has_gpu", lambda: True)
    seen = devices.Devices("jax", "0.7", "3.15", (), 2, "float32")
    monkeypatch.setattr(devices, "look", lambda: seen)
    blind = {each.what: each for each in computing.examine(tmp_path)}["devices"]
    assert "jax doesn't see it" in blind.problem
    assert "fluke[gpu-jax]" in blind.problem
    assert not blind.stops_runs


def test_a_backend_that_does_not_start_stops_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.networks import devices

    def fail() -> None:
        raise ImportError("libcudart.so: cannot open\nmore")

    monkeypatch.setattr(devices, "look", fail)
    found = only(list(computing.examine(tmp_path)))
    assert found.stops_runs
    assert "libcudart.so: cannot open)" in found.problem


def test_without_a_backend_weights_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ValueError("Unable to import backend : foo")

    monkeypatch.setattr(backbones, "load", fail)
    assert list(weights.examine(tmp_path)) == []


def test_a_broken_weights_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "weights.pth"
    broken.write_bytes(b"broken")
    monkeypatch.setattr(PackagedWeights, "path", lambda self: broken)
    found = list(weights.examine(tmp_path))
    assert [each.stops_runs for each in found] == ["lite0" in each.seen for each in found]  # the default encoder's
    assert any(each.stops_runs for each in found)
    assert all(str(broken) in each.problem and "--force-reinstall" in each.problem for each in found)


def test_a_weights_package_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: PackagedWeights) -> Path:
        raise UserError(f"the package {self.distribution} is not installed")

    monkeypatch.setattr(PackagedWeights, "path", missing)
    assert all("is not installed" in each.problem for each in weights.examine(tmp_path))
