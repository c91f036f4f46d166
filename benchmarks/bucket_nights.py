"""Nights with a data folder in a bucket, in which something is killed: is the result the same in the end?

    python -m benchmarks.bucket_nights SCRATCH [--nights 30] [--photos 200] [--seed 0]

Each night brings 3 % new photos, and one of two machines (two local copies) gets crawl, filter and preprocess from the
bucket or builds them, with the shards spread over two workers of a Dask cluster. At a random moment one of these is
killed (SIGKILL): a worker, the client that runs the stages, or the server, which here is what stands between the
machines and the bucket: connections are cut, and refused for a second. A night that didn't end well is run again, on a
machine that is drawn again. Its digests are compared with those of the same night on a local disk, where nothing is
killed.

The bucket is one of moto's S3 server. Leases expire after 3 s instead of a minute. The exit code is 1 if a digest
differs, if a night needs more than two further runs, or if a new machine finds anything damaged in the end.
"""

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from benchmarks.bucket import write_photos
from configs.schema import Config
from flows.merges import MERGES
from flows.pipeline import stages
from flows.server.ports import free_port
from tasks.store.bucket import copies
from tasks.store.bucket.connect import connect
from tasks.store.bucket.lease import Timing
from tasks.store.bucket.mirror import Mirror
from tasks.store.context import executor
from tasks.store.manifest import Artifact
from tasks.store.stage import Run
from tasks.store.store import Store
from tasks.store.work import workers_of

KINDS = ("worker", "client", "server")
_URL = "s3://nights/data"
_TIMING = Timing(expires_s=3, poll_s=0.1)
_MOST_RUNS = 3
_NIGHT_S = 240
"""A night that takes longer is stuck."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--night", help="Run one night in this process: the address of Dask's scheduler.")
    parser.add_argument("--host", default="a")
    options = parser.parse_args()
    scratch = options.scratch.absolute()
    if options.night:
        copy = open_copy(scratch / options.host)
        copies.add(copy)
        print("begins", flush=True)  # what is killed is killed from here on: Python has started
        print(*digests(Store(copy.root), scratch / "photos", options.night))
        return 0
    return kill_nights(scratch, options.nights, options.photos, options.seed)


def kill_nights(scratch: Path, nights: int, photos: int, seed: int) -> int:
    """Run the nights; returns the number of problems."""
    choose, problems = random.Random(seed), 0
    scratch.mkdir(parents=True, exist_ok=True)
    print("| night | killed | after, s | in mid-night | runs | seconds | same digests |\n|--:|---|--:|---|--:|--:|---|")
    with ExitStack() as stack:
        server = stack.enter_context(bucket_server())
        cluster = stack.enter_context(Cluster(scratch))
        length_s = 0.0
        for night in range(nights + 1):  # nothing is killed in the first
            write_photos(scratch / "photos", photos + night * photos * 3 // 100, photos * 3 // 100 if night else 0)
            if not night:
                write_photos(scratch / "photos", 0, photos)
            expected = digests(Store(scratch / "control"), scratch / "photos", "")
            kind = KINDS[night % len(KINDS)] if night else ""
            after_s = choose.uniform(0.0, 1.0) * length_s
            start, runs, alive = time.monotonic(), 0, False
            found: list[str] = []
            while not found and runs < _MOST_RUNS:
                runs += 1
                client = cluster.client(choose.choice("ab"))
                cluster.wait_for(client)
                if runs == 1:
                    start = time.monotonic()
                if runs == 1 and kind:
                    with suppress(subprocess.TimeoutExpired):
                        client.wait(after_s)
                    alive = client.poll() is None
                    {"worker": cluster.kill_worker, "client": client.kill, "server": server.kill}[kind]()
                output = client.communicate(timeout=_NIGHT_S)[0]
                found = output.split() if client.returncode == 0 else []
            seconds = time.monotonic() - start
            length_s = seconds / runs  # the next night is killed at any moment of its own
            same = found == expected
            was_alive = "yes" if kind and alive else "no" if kind else ""
            problems += not same
            print(f"| {night} | {kind} | {after_s:.1f} | {was_alive} | {runs} | {seconds:.1f} | {same} |", flush=True)
        problems += not is_whole(scratch / "new")
    print(f"{problems} problems")
    return problems


def digests(store: Store, photos: Path, scheduler: str) -> list[str]:
    """Get crawl, filter and preprocess; returns the digests of their artifacts."""
    workers: dict[str, Any] = {"kind": "dask", "address": scheduler} if scheduler else {}
    config = Config.model_validate({"crawl": {"sources": "folder", "path": str(photos)}, "workers": workers})
    copy = copies.of(store.root)
    found = []
    with (
        copy.used(exclusive=False) if copy else nullcontext(),
        executor(2) as threads,
        workers_of(config.workers, store.root, threads) as spread,
    ):
        run = Run(store, threads, workers=spread)

        def get_or_build(stage: Any, section: Any, **parents: Artifact) -> Artifact:
            return run.get_or_build(stage, section, **parents).artifact

        for artifact in stages(config, get_or_build):
            found.append(artifact.digest)
            if artifact.stage == "preprocess":
                break
    return found


def open_copy(root: Path) -> Mirror:
    """Return a machine's copy of the bucket."""
    root.mkdir(exist_ok=True)
    return Mirror(root, connect(_URL), _TIMING, MERGES)


def is_whole(root: Path) -> bool:
    """Whether a new machine finds everything undamaged in the bucket."""
    copies.add(open_copy(root))
    copies.refresh(root)
    store = Store(root)
    folders = [
        store.folder(manifest.artifact)
        for stage in ("crawl", "filter", "preprocess")
        for manifest in store.manifests(stage)
    ]
    whole = [store.valid(folder, verify=True) is not None for folder in folders]
    print(f"{sum(whole)} of {len(whole)} artifacts are whole, on a new machine", flush=True)
    return bool(whole) and all(whole) and not list(root.rglob(".conflict-*"))


class Cluster:
    """A scheduler and two workers of Dask, and clients."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._address = f"tcp://127.0.0.1:{free_port()}"
        self._log = (scratch / "processes.log").open("a")
        self._scheduler: subprocess.Popen[str] | None = None
        self._workers: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Cluster":
        port = self._address.rpartition(":")[2]
        self._scheduler = self._start("dask", "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        self._workers = [self._worker(), self._worker()]
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._workers, self._scheduler):
            if process:
                process.kill()
                process.wait()
        self._log.close()

    def client(self, host: str) -> "subprocess.Popen[str]":
        """Start a night on a machine."""
        module = ("benchmarks.bucket_nights", str(self._scratch), "--night", self._address, "--host", host)
        return self._start(*module, output=subprocess.PIPE)

    def wait_for(self, client: "subprocess.Popen[str]") -> None:
        """Wait until a night begins, or has failed already."""
        if client.stdout:
            client.stdout.readline()

    def kill_worker(self) -> None:
        """Kill the older worker, and start another one."""
        victim = self._workers.pop(0)
        victim.kill()
        victim.wait()
        self._workers.append(self._worker())

    def _worker(self) -> "subprocess.Popen[str]":
        return self._start("dask", "worker", self._address, "--no-nanny", "--nthreads", "1", "--no-dashboard")

    def _start(self, *module: str, output: Any = None) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", *module]
        return subprocess.Popen(command, stdout=output or self._log, stderr=self._log, text=True, cwd=self._scratch)


class Door:
    """Passes connections on to the bucket's server, in a process that can be killed and comes back."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.port, self._server = free_port(), server
        self._process = self._start()

    def kill(self) -> None:
        """Kill it; it comes back after a second."""
        self.close()

        def come_back() -> None:
            time.sleep(1)
            self._process = self._start()

        Thread(target=come_back, daemon=True).start()

    def close(self) -> None:
        """Kill it for good."""
        self._process.kill()
        self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        host, port = self._server
        code = f"from benchmarks.bucket_nights import forward; forward({self.port}, {host!r}, {port})"
        process = subprocess.Popen([sys.executable, "-c", code])
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                break
            time.sleep(0.05)
        return process


@contextmanager
def bucket_server() -> Iterator[Door]:
    """Run a server with an empty bucket; the environment leads to it, through a door."""
    import logging
    import urllib.request

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/nights", method="PUT")).close()
    door = Door((host, port))
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{door.port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    try:
        yield door
    finally:
        door.close()
        server.stop()


def forward(port: int, host: str, to: int) -> None:
    """Pass each connection to a port on to a server, until this process is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            inner = listening.accept()[0]
            try:
                outer = socket.create_connection((host, to))
            except OSError:
                inner.close()
                continue
            for pair in ((inner, outer), (outer, inner)):
                Thread(target=copy, args=pair, daemon=True).start()


if __name__ == "__main__":
    sys.exit(min(main(), 1))
