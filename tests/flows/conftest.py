"""One Prefect server and one small pipeline run for the whole session: they cost seconds each."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import server
from tests.helpers.pipeline import Fluke, write_photos


@pytest.fixture(scope="session")
def server_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the session's Prefect server."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def api_url(server_root: Path) -> Iterator[str]:
    """The API address of a Prefect server on a free port, without a key: other data folders use it, too."""
    try:
        yield server.up(server_root, server.free_port(), with_key=False)
    finally:
        assert server.down(server_root)


@pytest.fixture(scope="session")
def finished(api_url: str, tmp_path_factory: pytest.TempPathFactory) -> Fluke:
    """A data folder in which the tiny pipeline has run once, without interruption."""
    home = tmp_path_factory.mktemp("finished")
    write_photos(home / "photos", 60)
    fluke = Fluke(home / "data", api_url, home / "photos")
    fluke.run()
    return fluke


@pytest.fixture
def copy(finished: Fluke, tmp_path: Path) -> Fluke:
    """A copy of that data folder that a test may change or damage; the photos are shared."""
    subprocess.run(["cp", "-a", str(finished.data), str(tmp_path / "data")], check=True)
    return Fluke(tmp_path / "data", finished.api_url, finished.photos)


@pytest.fixture(scope="session")
def blended(finished: Fluke, tmp_path_factory: pytest.TempPathFactory) -> Fluke:
    """A copy in which a later classifier of tiles is used; it blends the network and nearest photos."""
    home = tmp_path_factory.mktemp("blended")
    subprocess.run(["cp", "-a", str(finished.data), str(home / "data")], check=True)
    fluke = Fluke(home / "data", finished.api_url, finished.photos)
    newest = fluke.run("pretrain.encoder=none", "evaluate.infer_from=blend")
    fluke("promote", newest.id)
    return fluke
