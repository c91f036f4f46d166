"""A bucket of an S3 server on a loopback port, behind a proxy that can inject faults."""

import logging
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from tasks.store.bucket.connect import connect
from tasks.store.bucket.objects import Objects
from tasks.store.bucket.retries import Retries
from tests.helpers.faulty_proxy import FaultyProxy

QUICK = Retries(tries=8, first_pause_s=0.001, longest_pause_s=0.01)


@dataclass
class Bucket:
    """One bucket; each test has one of its own."""

    url: str
    proxy: FaultyProxy

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a process reaches it."""
        return {
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def open(self, prefix: str = "", retries: Retries = QUICK) -> Objects:
        """Open it."""
        with patch.dict(os.environ, self.environment):
            return connect(f"{self.url}/{prefix}".rstrip("/"), retries=retries, silent_s=1.0)


@contextmanager
def s3_server() -> Iterator[tuple[str, int]]:
    """Run an S3 server in this process; yields its host and port."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()
    finally:
        server.stop()


@contextmanager
def new_bucket(server: tuple[str, int], name: str) -> Iterator[Bucket]:
    """Make a bucket on the server, and a proxy before it."""
    host, port = server
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/{name}", method="PUT")).close()
    proxy = FaultyProxy(server).start()
    try:
        yield Bucket(f"s3://{name}", proxy)
    finally:
        proxy.stop()
