"""A small program in place of a data folder's Prefect server, which starts at once."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from flows import processes, server
from flows.server import process


class StandIn:
    """A process that looks and answers like a data folder's Prefect server: with its command, in its folder."""

    CODE = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answer = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""

    def __init__(
        self,
        root: Path,
        *more: str,
        cwd: Path | None = None,
        session: bool = False,
        port: int | None = None,
        auth: str | None = None,
    ) -> None:
        self.auth = auth
        self.home = root / "server"
        modules = root.parent / f"{root.name}-modules"
        for folder in (self.home, modules / "prefect", modules / "flows" / "server"):
            folder.mkdir(exist_ok=True, parents=True)
        for package in ("prefect", "flows", "flows/server"):
            (modules / package / "__init__.py").touch()
        for module in ("prefect/__main__.py", "flows/server/app.py"):
            (modules / module).write_text(self.CODE, encoding="utf-8")
        self.port = port or server.free_port()
        self.process = subprocess.Popen(
            [sys.executable, *(more or process.arguments(self.port)), *([str(self.port)] if more else [])],
            cwd=cwd or self.home,
            env=os.environ | {"PYTHONPATH": str(modules)},
            start_new_session=session,
        )
        found = processes.look_up(self.process.pid)
        assert found
        self.state = {"pid": self.process.pid, "port": self.port, "started": found.started}
        self.file = self.home / "server.json"
        self.write(**self.state)
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def write(self, **state: object) -> None:
        self.file.write_text(json.dumps(state), encoding="utf-8")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
