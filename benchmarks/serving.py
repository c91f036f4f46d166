"""Measure `fluke api` on loopback against `fluke predict`: photos per second, and how long 50 clients wait.

    FLUKE_DATA=DATA .venv/bin/python -m benchmarks.serving ../shared/data/cats_dogs [--clients 50] [--seconds 30]

The model is that of the only name below FLUKE_DATA. `fluke predict` is measured before and after, without its start-up;
the mean of the two is used. Each client sends one photo at a time over its own connection, and the next one after the
answer. The clients share the cores with the server.
"""

import argparse
import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from flows.predict import model as models
from flows.predict import predict
from flows.predict.photo_list import list_photos
from flows.run_records import data_root
from tasks.store.context import executor
from tasks.store.progress import silent
from tasks.store.store import Store

BATCH_PHOTOS = 32
Send = Callable[[HTTPConnection, int], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--most", type=int, default=2000, help="photos for fluke predict")
    asked = parser.parse_args()
    listed = list_photos(asked.photos).photos[: asked.most]
    photos = [path.read_bytes() for _, path in listed]
    before = predict_rate(listed)
    batches = [json.dumps({"photos": [base64.b64encode(each).decode() for each in photos[:BATCH_PHOTOS]]}).encode()]
    with serving() as address:
        one = measure(address, one_photo(photos), 1, asked.seconds / 3)
        many = measure(address, one_photo(photos), asked.clients, asked.seconds)
        batched = measure(address, one_batch(batches), 4, asked.seconds / 2)
    predicted = (before + predict_rate(listed)) / 2
    print(f"{len(photos):,} photos of {np.mean([len(each) for each in photos]) / 1e3:.0f} kB, {os.cpu_count()} cores")
    print(f"fluke predict: {predicted:.0f} photos/s")
    print("| clients | photos/s | of fluke predict's | median wait | p99 |\n|---|---|---|---|---|")
    for name, (rate, waits) in {
        "1, a photo at a time": one,
        f"{asked.clients}, a photo at a time": many,
        f"4, batches of {BATCH_PHOTOS}": batched,
    }.items():
        median, late = np.percentile(waits, [50, 99])
        print(f"| {name} | {rate:.0f} | {rate / predicted:.2f} | {1e3 * median:.0f} ms | {1e3 * late:.0f} ms |")


def predict_rate(listed: Sequence[tuple[str, Path]]) -> float:
    """Photos per second of `fluke predict`, with the network loaded and compiled."""
    model = models.find(Store(data_root()))
    with executor(0) as threads:
        predict.predict(model, listed[:300], top_k=3, threads=threads, progress=silent)
        began = time.monotonic()
        predict.predict(model, listed, top_k=3, threads=threads, progress=silent)
        return len(listed) / (time.monotonic() - began)


@contextmanager
def serving() -> Iterator[str]:
    """Run `fluke api` on a free port."""
    command = [sys.executable, "-m", "fluke", "api", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert found, "fluke api doesn't start"
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def one_photo(photos: Sequence[bytes]) -> Send:
    def send(connection: HTTPConnection, number: int) -> int:
        ask(connection, "/predict", photos[number % len(photos)], "application/octet-stream")
        return 1

    return send


def one_batch(batches: Sequence[bytes]) -> Send:
    def send(connection: HTTPConnection, number: int) -> int:
        ask(connection, "/predict/batch", batches[number % len(batches)], "application/json")
        return BATCH_PHOTOS

    return send


def ask(connection: HTTPConnection, path: str, body: bytes, kind: str) -> None:
    connection.request("POST", path, body, {"Content-Type": kind})
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, answer


def measure(address: str, send: Send, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Return photos per second, and the seconds that each request waited."""
    waits: list[float] = []
    photos = [0] * clients
    end = threading.Event()

    def client(number: int) -> None:
        connection = HTTPConnection(urlsplit(address).netloc)
        at = number * 37
        while not end.is_set():
            began = time.monotonic()
            photos[number] += send(connection, at)
            waits.append(time.monotonic() - began)
            at += 1
        connection.close()

    with ThreadPoolExecutor(clients) as threads:
        running = [threads.submit(client, number) for number in range(clients)]
        time.sleep(3)  # connections, and sizes of batches that are computed for the first time
        waits.clear()
        first, began = sum(photos), time.monotonic()
        time.sleep(seconds)
        rate = (sum(photos) - first) / (time.monotonic() - began)
        end.set()
        for each in running:
            each.result()
    return rate, waits


if __name__ == "__main__":
    main()
