"""One Prefect server and one small pipeline run for the whole session, whatever number of processes runs its tests.

A server takes 10 s to start and is never idle; a run takes 20 s.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from flows import server
from tests.helpers.pipeline import Fluke, write_photos

Make = Callable[[Path], object]


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of the session share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "session"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server_root(session_folder: Path) -> Path:
    """The data folder of the session's Prefect server."""
    (session_folder / "server").mkdir(exist_ok=True)
    return session_folder / "server"


@pytest.fixture(scope="session")
def api_url(server_root: Path, worker_id: str) -> Iterator[str]:
    """The API address of a Prefect server on a free port, without a key: other data folders use it, too.

    The last process that uses it stops it.
    """
    users, lock = server_root.with_name("users"), FileLock(server_root.with_name("users.lock"))
    with lock:
        users.mkdir(exist_ok=True)
        address = server.url(server_root) or server.up(server_root, server.free_port(), with_key=False)
        (users / worker_id).touch()
    try:
        yield address
    finally:
        with lock:
            (users / worker_id).unlink()
            assert list(users.iterdir()) or server.down(server_root)


@pytest.fixture(scope="session")
def made_once(session_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """A function that makes a folder once in the session, and returns a copy of it for this process."""

    def copy_of(name: str, make: Make) -> Path:
        made, mine = session_folder / name, tmp_path_factory.mktemp(name) / "data"
        with FileLock(made.with_suffix(".lock")):
            if not made.exists():
                make(made.with_suffix(".partial"))
                made.with_suffix(".partial").rename(made)
        subprocess.run(["cp", "-a", str(made), str(mine)], check=True)
        return mine

    return copy_of


@pytest.fixture(scope="session")
def finished(api_url: str, session_folder: Path, made_once: Callable[[str, Make], Path]) -> Fluke:
    """A data folder in which the tiny pipeline has run once, without interruption."""
    photos = session_folder / "photos"

    def run(data: Path) -> None:
        write_photos(photos, 60)
        Fluke(data, api_url, photos).run()

    return Fluke(made_once("finished", run), api_url, photos)


@pytest.fixture
def copy(finished: Fluke, tmp_path: Path) -> Fluke:
    """A copy of that data folder that a test may change or damage; the photos are shared."""
    subprocess.run(["cp", "-a", str(finished.data), str(tmp_path / "data")], check=True)
    return Fluke(tmp_path / "data", finished.api_url, finished.photos)


@pytest.fixture(scope="session")
def blended(finished: Fluke, session_folder: Path, made_once: Callable[[str, Make], Path]) -> Fluke:
    """A copy in which a later classifier of tiles is used; it blends the network and nearest photos."""

    def run(data: Path) -> None:
        subprocess.run(["cp", "-a", str(session_folder / "finished"), str(data)], check=True)
        fluke = Fluke(data, finished.api_url, finished.photos)
        newest = fluke.run("pretrain.encoder=none", "evaluate.infer_from=blend")
        fluke("promote", newest.id)

    return Fluke(made_once("blended", run), finished.api_url, finished.photos)
