"""Seconds that the dashboard needs with many runs, each with the artifacts of a night: its requests and its pages.

    python -m benchmarks.dashboard [--runs 500]

A server starts for the benchmark, with an empty database in a temporary folder. One run is created through its API, and
copied in the database. If Chromium and selenium are installed, pages of both of Prefect's user interfaces are opened. A
page is loaded when what it is about is written on it, or its picture is drawn; by then, the interface itself is in the
browser's cache.
"""

import argparse
import json
import random
import re
import shutil
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from configs.schema import STAGE_NAMES
from flows import server
from flows.dashboard import artifacts, nights, trend
from flows.models.decision import Headline

Ask = Callable[[], object]

NAME = "whales"
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_TRIES = 3
_MOST_TRIES = 30
_PAGE_TIMEOUT_S = 60
_LONGEST_WITH_ID = 1_000
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REPORT_BYTES = 3_000
"""Of a stage's summary in Markdown; the demo's have 1 to 3 kB."""


class _Patient(httpx.Client):
    """Asks again if the server's database is busy, or if it has closed the connection, as Prefect's client does."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        for _ in range(_MOST_TRIES):
            with suppress(httpx.TransportError):
                response = super().send(request, **options)
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return response
            time.sleep(1)
        return super().send(request, **options)


def shown_artifacts() -> list[dict[str, str]]:
    """Return the artifacts of a night, as the dashboard gets them: of each stage, and of the whole run."""
    rows = json.dumps([{"what": f"count {number}", "count": number} for number in range(12)])
    found = [{"type": "table", "key": stage, "data": rows} for stage in (*STAGE_NAMES, "recipes")]
    text = "A line of a summary, as long as usual.\n" * (_REPORT_BYTES // 40)
    found += [{"type": "markdown", "key": f"{stage}-report", "data": text} for stage in ("crawl", "filter", "evaluate")]
    chance = random.Random(0)
    shown = [_night(number, chance) for number in range(nights.SHOWN)]
    picture = f"![the last nights]({artifacts.data_url(trend.svg(shown))})"
    found += [
        {"type": "markdown", "key": "summary", "data": f"# summary of a night\n\n{picture}\n"},
        {"type": "markdown", "key": "trend", "data": picture},
        {"type": "table", "key": "nights", "data": json.dumps(nights.table(shown))},
    ]
    return [artifact | {"key": f"fluke-{NAME}-{artifact['key']}"} for artifact in found]


def _night(number: int, chance: random.Random) -> nights.Night:
    value = 0.4 + chance.gauss(0, 0.01)
    return nights.Night(
        run=f"20261001-020000-{number:04}",
        started_at=datetime(2026, 10, 1, 2, tzinfo=UTC) + timedelta(days=number),
        outcome=chance.choice(["promoted", "refused", "undecided"]),
        score=Headline(metric="macro F1", value=value, low=value - 0.02, high=value + 0.02),
        photos=2_500 + number,
        rejected=100 + number,
        seconds={stage: chance.uniform(1, 60) for stage in STAGE_NAMES},
        bytes=20_000_000 + 10_000 * number,
    )


def create(client: httpx.Client) -> str:
    """Create a run with its artifacts; return its ID."""
    flow = client.post("/flows/", json={"name": "pipeline"}).raise_for_status().json()["id"]
    body = {"flow_id": flow, "name": f"{NAME} 26 Nov: promoted 0.412 (+0.010)", "tags": [NAME, "default", "promoted"]}
    run = str(client.post("/flow_runs/", json=body).raise_for_status().json()["id"])
    for state in ("RUNNING", "COMPLETED"):  # a run without a start is in no list
        change = {"state": {"type": state}, "force": True}
        client.post(f"/flow_runs/{run}/set_state", json=change).raise_for_status()
    for artifact in shown_artifacts():
        client.post("/artifacts/", json=artifact | {"flow_run_id": run}).raise_for_status()
    return run


def copy(database: Path, run: str, copies: int) -> None:
    """Copy a run, its states and its artifacts in the server's database, which is much faster than through its API."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        tables = {
            table: connection.execute(f"SELECT * FROM {table} WHERE {column} = ?", (run,)).fetchall()
            for table, column in (("flow_run", "id"), ("flow_run_state", "flow_run_id"), ("artifact", "flow_run_id"))
        }
        known = {str(row[0]) for rows in tables.values() for row in rows}
        for number in range(copies):
            new = {old: str(uuid.uuid5(uuid.UUID(old), str(number))) for old in known}
            for table, rows in tables.items():
                places = ", ".join("?" * len(rows[0]))
                copied = [[_with_ids(value, new) for value in row] for row in rows]
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", copied)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the log of writes is as large as the database


def _with_ids(value: object, new: Mapping[str, str]) -> object:
    """Return a value of a row with other IDs; the same value if it has none."""
    if not isinstance(value, str) or len(value) > _LONGEST_WITH_ID:
        return value
    return _ID.sub(lambda found: new.get(found[0], found[0]), value)


def requests(client: httpx.Client, run: str) -> dict[str, Ask]:
    """Return the requests of the dashboard's pages, by name."""

    def post(path: str, body: dict[str, Any]) -> Ask:
        return lambda: client.post(path, json=body).raise_for_status()

    of_run = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    of_key = {"artifacts": {"key": {"any_": [f"fluke-{NAME}-summary"]}}}
    return {
        "runs, a page of 20": post("/flow_runs/paginate", {"sort": "START_TIME_DESC", "limit": 20}),
        "runs, 200 of them": post("/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 200}),
        "a run": lambda: client.get(f"/flow_runs/{run}").raise_for_status(),
        "artifacts of a run": post("/artifacts/filter", of_run),
        "the newest artifact of each key": post("/artifacts/latest/filter", {"limit": 50}),
        "artifacts of a key, 200 of them": post("/artifacts/filter", of_key | {"limit": 200}),
    }


def pages(run: str, summary: str) -> dict[str, tuple[str, str]]:
    """Return the pages of a user interface: for each, its path and a condition in JavaScript that it is loaded.

    Args:
        run: The ID of a flow run.
        summary: The ID of its summary.
    """

    def says(text: str) -> str:
        return f"document.body.innerText.includes({json.dumps(text)})"

    # One interface opens the tab that the address names, in the other one it is clicked.
    tab = "[...document.querySelectorAll('*')].find(e => !e.childElementCount && e.textContent.trim() === 'Artifacts')"
    opens_tab = f"(window.tab ||= {tab}) && (window.clicked ||= (window.tab.click(), true))"
    has_picture = "Array.from(document.images).some(each => each.src.startsWith('data:') && each.naturalWidth)"
    return {
        "runs": ("/runs", says(f"{NAME} ")),
        "a run": (f"/runs/flow-run/{run}", says("promoted 0.412")),
        "artifacts of a run": (f"/runs/flow-run/{run}?tab=Artifacts", f"{opens_tab} && {says(f'fluke-{NAME}-nights')}"),
        "the newest artifact of each key": ("/artifacts", says(f"fluke-{NAME}-nights")),
        "artifacts of a key": (f"/artifacts/key/fluke-{NAME}-summary", says(f"{NAME} 26 Nov")),
        "a summary with its picture": (f"/artifacts/artifact/{summary}", has_picture),
    }


@contextmanager
def browser(profile: Path) -> Iterator[Any]:
    """Start Chromium without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def open_page(driver: Any, address: str, is_loaded: str) -> None:
    """Open a page and wait until it is loaded.

    Raises:
        RuntimeError: It isn't loaded in time.
    """
    driver.get("about:blank")
    driver.get(address)
    deadline = time.monotonic() + _PAGE_TIMEOUT_S
    while not driver.execute_script(f"return Boolean({is_loaded})"):
        if time.monotonic() > deadline:
            text = driver.execute_script("return document.body.innerText")
            raise RuntimeError(f"{address} isn't loaded after {_PAGE_TIMEOUT_S} s; it says: {text[:300]}")
        time.sleep(0.02)


def report(name: str, act: Ask) -> None:
    """Print the median and the most seconds of an action."""
    act()  # fills the caches
    taken = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    print(f"{name:<46} {statistics.median(taken):7.3f} s, at most {max(taken):.3f} s", flush=True)


def main() -> None:
    """Fill a server, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        url = server.up(root, server.free_port(), with_key=False)
        try:
            with _Patient(base_url=url, timeout=120, trust_env=False) as client:
                token = client.get("/csrf-token", params={"client": "benchmark"}).raise_for_status().json()["token"]
                client.headers.update({"Prefect-Csrf-Client": "benchmark", "Prefect-Csrf-Token": token})
                run = create(client)
                copy(root / "server" / "prefect.db", run, runs - 1)
                size = sum(path.stat().st_size for path in (root / "server").glob("prefect.db*")) / 1e6
                print(f"{runs} runs with {len(shown_artifacts())} artifacts each: a database of {size:.0f} MB")
                for name, ask in requests(client, run).items():
                    report(f"request: {name}", ask)
                of_run = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": [f"fluke-{NAME}-summary"]}}}
                summary = client.post("/artifacts/filter", json=of_run).raise_for_status().json()[0]["id"]
            if not (CHROMIUM and DRIVER):
                print("Chromium or its driver is not installed: the pages are left out")
                return
            with browser(root / "profile") as driver:
                for version, prefix in (("V1", ""), ("V2", "/v2")):
                    for name, (path, is_loaded) in pages(run, summary).items():
                        address = f"{url.removesuffix('/api')}{prefix}{path}"
                        report(f"{version}: {name}", partial(open_page, driver, address, is_loaded))
        finally:
            server.down(root)


if __name__ == "__main__":
    main()
