"""Seconds that the dashboard's requests take with many runs, each with the artifacts of a night.

    python -m benchmarks.dashboard [--runs 500] [--url http://127.0.0.1:4200/api]

Without an address, a server starts for the benchmark, with an empty database in a temporary folder.
"""

import argparse
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from flows import server

ARTIFACTS = ("summary", "trend", "nights", "train", "evaluate")
_PAGE_BYTES = 20_000
"""Of a summary with its picture."""


class _Patient(httpx.Client):
    """Asks again while the server's database is busy, as Prefect's client does."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        while (response := super().send(request, **options)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            time.sleep(1)
        return response


def fill(client: httpx.Client, runs: int) -> str:
    """Create runs of one flow with their artifacts; return the ID of the last one."""
    flow = client.post("/flows/", json={"name": "pipeline"}).raise_for_status().json()["id"]
    run = ""
    for number in range(runs):
        body = {
            "flow_id": flow,
            "name": f"whales {1 + number % 28} Nov: promoted 0.412 (+0.010)",
            "tags": ["whales", "default", "promoted"],
            "state": {"type": "COMPLETED", "name": "Completed"},
        }
        run = client.post("/flow_runs/", json=body).raise_for_status().json()["id"]
        for what in ARTIFACTS:
            kind = "table" if what in ("nights", "train") else "markdown"
            data = json.dumps([{"what": "x"}]) if kind == "table" else "x" * _PAGE_BYTES
            artifact = {"type": kind, "key": f"fluke-whales-{what}", "data": data, "flow_run_id": run}
            client.post("/artifacts/", json=artifact).raise_for_status()
    return run


def seconds(ask: Callable[[], httpx.Response], tries: int = 5) -> tuple[float, float]:
    """Return the median and the most seconds of a request."""
    taken = []
    for _ in range(tries):
        start = time.perf_counter()
        ask().raise_for_status()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), max(taken)


def measure(client: httpx.Client, run: str) -> None:
    """Print how long the requests of the dashboard's pages take."""

    def post(path: str, body: dict[str, Any]) -> Callable[[], httpx.Response]:
        return lambda: client.post(path, json=body)

    of_run = {"artifacts": {"flow_run_id": {"any_": [str(uuid.UUID(run))]}}}
    pages: dict[str, Callable[[], httpx.Response]] = {
        "runs, a page of 20": post("/flow_runs/paginate", {"sort": "START_TIME_DESC", "limit": 20}),
        "runs, 200 of them": post("/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 200}),
        "a run": lambda: client.get(f"/flow_runs/{run}"),
        "artifacts of a run": post("/artifacts/filter", of_run),
        "the newest artifact of each key": post("/artifacts/latest/filter", {"limit": 50}),
        "artifacts of a key, 200 of them": post(
            "/artifacts/filter", {"artifacts": {"key": {"any_": ["fluke-whales-summary"]}}, "limit": 200}
        ),
    }
    for name, ask in pages.items():
        median, most = seconds(ask)
        print(f"{name:<34} {median:7.3f} s, at most {most:.3f} s")


def main() -> None:
    """Fill a server, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--url")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        url = options.url or server.up(root, server.free_port())
        try:
            with _Patient(base_url=url, timeout=120, trust_env=False) as client:
                start = time.perf_counter()
                token = client.get("/csrf-token", params={"client": "benchmark"})
                if token.is_success:  # 422: the server has no such protection
                    client.headers.update(
                        {"Prefect-Csrf-Client": "benchmark", "Prefect-Csrf-Token": token.json()["token"]}
                    )
                run = fill(client, options.runs)
                print(
                    f"{options.runs} runs with {len(ARTIFACTS)} artifacts each in {time.perf_counter() - start:.0f} s"
                )
                measure(client, run)
        finally:
            if not options.url:
                server.down(root)


if __name__ == "__main__":
    main()
