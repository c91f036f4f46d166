"""Headless Chromium, and a review that it opens."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from tests.helpers.review import ReviewFolder

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WAIT_S = 60
"""Long enough for a busy machine."""
NEEDS_CHROMIUM = "needs Chromium: apt-get install chromium chromium-driver"
_CODES = {"Enter": 13, "Escape": 27, " ": 32, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39}


class Browser:
    """Headless Chromium, with its requests and its log."""

    def __init__(self, profile: Path) -> None:
        webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, of the extra dev")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.add_argument("--window-size=1280,800")
        options.add_argument(f"--user-data-dir={profile}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))

    def clear(self) -> None:
        """Close all tabs but one, which becomes empty, and forget what was logged."""
        first, *others = self.driver.window_handles
        for tab in others:
            self.driver.switch_to.window(tab)
            self.driver.close()
        self.driver.switch_to.window(first)
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def text(self, selector: str) -> str:
        return self.driver.find_element("css selector", selector).get_property("textContent")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def wait(self, condition: str) -> None:
        """Wait for a JavaScript expression to be true."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            if self.driver.execute_script(f"return Boolean({condition})"):
                return
            time.sleep(0.02)
        raise AssertionError(f"not within {WAIT_S} s: {condition}; the page says {self.text('body')[:2000]}")

    def wait_for_reviewed(self, count: int, total: int = 12) -> None:
        self.wait(f"document.getElementById('progress').textContent === '{count} of {total} reviewed'")

    def log_messages(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def hosts(self) -> set[str]:
        """Return the hosts and ports of all requests of web pages; those of Chromium itself don't count."""
        asked = re.findall(
            r'"method":"Network.requestWillBeSent".*?"request":\{.*?"url":"([^"]+)"',
            "\n".join(entry["message"] for entry in self.driver.get_log("performance")),
        )
        return {urlsplit(url).netloc for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")}

    def key(self, key: str, *, code: str = "", shift: bool = False, repeats: int = 0, release: bool = True) -> None:
        """Press a key as the keyboard does, whatever has the focus; `repeats` holds it, `code` is its place."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        virtual = ord(code[-1]) if code.startswith("Key") else _CODES.get(key, ord(key[0].upper()))
        event = {"key": key, "code": code, "modifiers": 8 * shift, "windowsVirtualKeyCode": virtual}
        for i in range(1 + repeats):
            down = {"type": "keyDown" if text else "rawKeyDown", "text": text, "autoRepeat": i > 0}
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event | down)
        if release:
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event | {"type": "keyUp"})

    def run(self, script: str, *given: Any) -> Any:
        """Run JavaScript in the page; returns what it returns."""
        return self.driver.execute_script(script, *given)


@contextmanager
def listening(build: Callable[[int], "ASGIApp"]) -> Iterator[int]:
    """Serve an application of this process; `build` makes it for the port that is yielded."""
    import uvicorn

    from flows.local_page import server

    with server.listen(server.LOOPBACK, 0) as listener:
        port = int(listener.getsockname()[1])
        running = uvicorn.Server(uvicorn.Config(build(port), lifespan="off", log_level="error"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield port
        finally:
            running.should_exit = True
            thread.join()


@contextmanager
def serving(review_folder: "ReviewFolder", *options: str) -> Iterator["subprocess.Popen[str]"]:
    preset = ["default", f"crawl.path={review_folder.photos}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "review", *preset, "--no-browser", *options],
        env=os.environ | {"FLUKE_DATA": str(review_folder.data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def printed_url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    return found[0]
