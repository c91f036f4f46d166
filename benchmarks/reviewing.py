"""Seconds and memory that the page of `fluke review` needs with many photos, in headless Chromium.

    python -m benchmarks.reviewing [--photos 25000] [--folder DIR]

The photos are generated; fluke crawls and filters them, and an invented model answers to those of validation and test.
`fluke review` runs as a user starts it. An answer of the page counts as there when the first picture of the new list is
drawn. With --folder, photos and data stay there for the next time.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import review_run

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_LONGEST_S = 300
_TRIES = 3

_HELPERS = """
window.firstPicture = () => {
  const first = document.querySelector('#list > section');
  return first && !first.isOld && first.querySelector('img')?.naturalWidth > 0;
};
window.measure = async (act, isThere) => {
  for (const section of document.querySelectorAll('#list > section')) section.isOld = true;
  const began = performance.now();
  act();
  while (!isThere()) await new Promise(requestAnimationFrame);
  return (performance.now() - began) / 1000;
};
window.cards = () => document.querySelectorAll('.card').length;
window.said = () => document.getElementById('said').textContent;
window.press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
window.search = (text) => {
  const box = document.getElementById('search');
  box.value = text;
  box.dispatchEvent(new Event('input'));
};
"""
_TO_LIST = "location.hash = '{}'"
_LISTS = {
    "all photos": _TO_LIST.format("view=photos"),
    "one class": _TO_LIST.format("view=photos&label=고양이 01"),
    "mistakes of the model": _TO_LIST.format("view=photos&answer=wrong"),
    "the model least sure first": _TO_LIST.format("view=photos&order=unsure"),
    "search for a name": "search('photo 123')",
    "similar to a photo": "press('f')",
    "similar to it, again": "location.hash += '&split=test'",
}


@contextmanager
def _review(data: Path, photos: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "fluke", "review", "default", f"crawl.path={photos}", "--no-browser"]
    process = subprocess.Popen(command, env=os.environ | {"FLUKE_DATA": str(data)}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address, "fluke review has printed no address"
        yield process, address[0]
    finally:
        process.kill()
        process.wait()


@contextmanager
def _chromium() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(_CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1280,800")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(_DRIVER)))
    driver.set_script_timeout(_LONGEST_S)
    try:
        yield driver
    finally:
        driver.quit()


def _open(driver: Any, url: str) -> float:
    """Open the page; return the seconds until the first picture is drawn."""
    began = time.monotonic()
    driver.get(url)
    driver.execute_script(_HELPERS)
    while not driver.execute_script("return Boolean(firstPicture())"):
        time.sleep(0.01)
    return time.monotonic() - began


def _measure(driver: Any, act: str, is_there: str = "firstPicture()") -> float:
    script = f"const done = arguments[0]; measure(() => {{ {act} }}, () => {is_there}).then(done);"
    return float(driver.execute_async_script(script))


def _scroll(driver: Any, most: int) -> list[float]:
    """Scroll to the end again and again; return the seconds until each of the next 200 photos are in the page."""
    found = []
    while (cards := driver.execute_script("return cards()")) < most:
        to_end = "scrollTo(0, document.body.scrollHeight)"
        found.append(_measure(driver, to_end, f"cards() > {cards} || (scrollTo(0, document.body.scrollHeight), false)"))
    return found


def _heap_mb(driver: Any) -> float:
    driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    driver.execute_cdp_cmd("Performance.enable", {})
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(each["value"] for each in found if each["name"] == "JSHeapUsedSize")) / 1e6


def _peak_mb(process: "subprocess.Popen[str]") -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1e3


def _row(what: str, seconds: list[float]) -> None:
    print(f"| {what} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |", flush=True)


def _report(data: Path, photos: Path, count: int) -> None:
    print("| | median, s | longest, s |\n|---|--:|--:|")
    with _chromium() as driver:
        began = time.monotonic()
        with _review(data, photos) as (process, url):
            _row("fluke review: until it prints the address", [time.monotonic() - began])
            _row("first photo, first time", [_open(driver, url)])
            _row("first photo", [_open(driver, url) for _ in range(_TRIES)])
            tries: dict[str, list[float]] = {name: [] for name in _LISTS}
            for _ in range(_TRIES):
                for name, act in _LISTS.items():
                    tries[name].append(_measure(driver, act))
            for name, seconds in tries.items():
                _row(name, seconds)
            _decide_many(driver)
            at_start = _heap_mb(driver)
            _measure(driver, _LISTS["all photos"])
            seconds = _scroll(driver, count)
            _row(f"the next 200 of {count:,} photos", seconds)
            _row("the last 200 of them", seconds[-5:])
            print(
                f"\npeak of the server: {_peak_mb(process):,.0f} MB; JavaScript's memory: {at_start:.0f} MB at first, ",
                end="",
            )
            print(f"{_heap_mb(driver):.0f} MB with {driver.execute_script('return cards()'):,} photos in the page")


def _decide_many(driver: Any) -> None:
    """Mark as many photos as the page marks at once, decide about them, and undo that."""
    _measure(driver, _TO_LIST.format("view=photos&state=open&split=train&text=5.jpg"))
    seconds: dict[str, list[float]] = {"mark": [], "decide": [], "undo": []}
    is_marked = "document.querySelectorAll('.card.marked').length"
    for _ in range(_TRIES):
        seconds["mark"].append(_measure(driver, "press('a')", f"{is_marked} > 500 || said().includes('more than')"))
        marked = driver.execute_script(f"return {is_marked}")
        seconds["decide"].append(_measure(driver, "press('y')", "said().includes('decided')"))
        seconds["undo"].append(_measure(driver, "press('u')", "said().startsWith('undone')"))
    for name, each in seconds.items():
        _row(f"{name} {marked:,} photos", each)


def main() -> None:
    """Run the benchmark, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=25_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if not (_CHROMIUM and _DRIVER):
        parser.error("this needs Chromium and its driver: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "data" / "runs").exists():
            review_run.write_photos(folder / "photos", given.photos)
            review_run.make(folder / "data", folder / "photos")
        _report(folder / "data", folder / "photos", given.photos)


if __name__ == "__main__":
    main()
