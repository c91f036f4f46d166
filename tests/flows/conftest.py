"""A Prefect server and a browser for each process of the session, and one small pipeline run for all; it takes 20 s."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from flows import server
from tasks.store.permissions import make_private_folder
from tests.helpers.browser import Browser
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
def start_server(session_folder: Path) -> Callable[..., str]:
    """A function like `server.up`. Only the session's first server makes its tables, which takes 5 s of a core."""
    tables = session_folder / "prefect.db"

    def up(root: Path, port: int, *, with_key: bool) -> str:
        with FileLock(tables.with_suffix(".lock")):
            if not tables.exists():
                address = server.up(root, port, with_key=with_key)
                with (
                    closing(sqlite3.connect(root / "server" / "prefect.db")) as made,
                    closing(sqlite3.connect(tables.with_suffix(".partial"))) as saved,
                ):
                    made.backup(saved)
                tables.with_suffix(".partial").rename(tables)
                return address
        make_private_folder(root / "server", top=root / "server")
        shutil.copy(tables, root / "server" / "prefect.db")
        return server.up(root, port, with_key=with_key)

    return up


@pytest.fixture(scope="session")
def server_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of this process's Prefect server."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def api_url(server_root: Path, start_server: Callable[..., str]) -> Iterator[str]:
    """The API address of a Prefect server on a free port, without a key: other data folders use it, too.

    Each process of the session has its own: one for all doesn't answer in time while several of them run pipelines.
    """
    address = start_server(server_root, server.free_port(), with_key=False)
    try:
        yield address
    finally:
        assert server.down(server_root)


@pytest.fixture(scope="session")
def session_copy(session_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """A function that makes a folder once in the session, and returns a copy of it for this process."""

    def copy_of(name: str, make: Make) -> Path:
        made, mine = session_folder / name, tmp_path_factory.mktemp(name) / "data"
        with FileLock(made.with_suffix(".lock")):
            if not made.exists():
                shutil.rmtree(made.with_suffix(".partial"), ignore_errors=True)  # of an attempt that failed
                make(made.with_suffix(".partial"))
                made.with_suffix(".partial").rename(made)
        subprocess.run(["cp", "-a", str(made), str(mine)], check=True)
        return mine

    return copy_of


@pytest.fixture(scope="session")
def finished(api_url: str, session_folder: Path, session_copy: Callable[[str, Make], Path]) -> Fluke:
    """A data folder in which the tiny pipeline has run once, without interruption."""
    photos = session_folder / "photos"

    def run(data: Path) -> None:
        write_photos(photos, 60)
        Fluke(data, api_url, photos).run()

    return Fluke(session_copy("finished", run), api_url, photos)


@pytest.fixture
def copy(finished: Fluke, tmp_path: Path) -> Fluke:
    """A copy of that data folder that a test may change or damage; the photos are shared."""
    subprocess.run(["cp", "-a", str(finished.data), str(tmp_path / "data")], check=True)
    return Fluke(tmp_path / "data", finished.api_url, finished.photos)


@pytest.fixture(scope="session")
def blended(finished: Fluke, session_folder: Path, session_copy: Callable[[str, Make], Path]) -> Fluke:
    """A copy in which a later classifier of tiles is used; it blends the network and nearest photos."""

    def run(data: Path) -> None:
        subprocess.run(["cp", "-a", str(session_folder / "finished"), str(data)], check=True)
        fluke = Fluke(data, finished.api_url, finished.photos)
        newest = fluke.run("pretrain.encoder=none", "evaluate.infer_from=blend")
        fluke("promote", newest.id)

    return Fluke(session_copy("blended", run), finished.api_url, finished.photos)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of all tests: each test's server has another port, so none sees what another one has stored."""
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    try:
        yield opened
    finally:
        opened.driver.quit()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser with one empty tab, without messages and requests of earlier tests."""
    chromium.clear()
    yield chromium
    chromium.clear()
