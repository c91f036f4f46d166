"""The server's database: SQLite, or the PostgreSQL that a file in its folder names; one on this machine is tried."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import server
from flows.server import database
from tasks.store.errors import UserError
from tests.helpers.prefect_api import get, post

PROGRAMS = ("initdb", "postgres", "psql", "setpriv")
PASSWORD = "hunter2"


def test_without_a_file_it_is_sqlite(tmp_path: Path) -> None:
    assert database.address(tmp_path) is None


@pytest.mark.parametrize("text", ["", "sqlite:///x", "postgresql://u:hunter2@host/db", "postgresql+asyncpg://a\nb"])
def test_a_file_with_another_address_is_refused_without_showing_it(text: str, tmp_path: Path) -> None:
    database.file(tmp_path).write_text(text)
    with pytest.raises(UserError, match=r"database: must be one line such as postgresql\+asyncpg://") as raised:
        database.address(tmp_path)
    assert "hunter2" not in str(raised.value)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL on loopback whose files are temporary; it refuses to run as root."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(f"no {', '.join(missing)} on this machine: apt install postgresql")
    with tempfile.TemporaryDirectory() as folder:  # another user can't reach pytest's own
        yield from _serve(Path(folder))


def _serve(home: Path) -> Iterator[str]:
    (home / "password").write_text(PASSWORD)
    prefix: list[str] = []
    if os.geteuid() == 0:
        prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        for path in (home, home / "password"):
            shutil.chown(path, "nobody", "nogroup")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-U", "fluke", "-A", "scram-sha-256", f"--pwfile={home / 'password'}", "--no-sync", "--no-locale"]
    subprocess.run([*prefix, "initdb", "-D", str(home / "data"), *options], check=True, stdout=subprocess.DEVNULL)
    listen = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    log = (home / "log").open("wb")
    process = subprocess.Popen([*prefix, "postgres", "-D", str(home / "data"), *listen], stderr=log)
    try:
        yield f"127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # SIGTERM would wait for connections
        process.wait(30)
        log.close()


@pytest.mark.slow
def test_a_server_uses_the_postgresql_that_its_file_names(postgresql: str, tmp_path: Path) -> None:
    home = tmp_path / "server"
    home.mkdir()
    database.file(home).write_text(f"postgresql+asyncpg://fluke:{PASSWORD}@{postgresql}\n")
    api = server.up(tmp_path, server.free_port(), with_key=False)
    try:
        flow = post(api, "flows/", {"name": "night"})
        run = post(api, "flow_runs/", {"flow_id": flow["id"], "state": {"type": "COMPLETED"}})
        assert get(api, f"flow_runs/{run['id']}")["state"]["type"] == "COMPLETED"
    finally:
        assert server.down(tmp_path)
    stored = subprocess.run(
        ["psql", f"postgresql://fluke:{PASSWORD}@{postgresql}", "-Atc", "select id, state_type from flow_run"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert stored.stdout.strip() == f"{run['id']}|COMPLETED"
    assert PASSWORD not in (home / "server.log").read_text()
