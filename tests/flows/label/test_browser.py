"""The page in a real browser: label by the place of keys, type a new class, accept, undo."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.label.app import build
from flows.label.labels import Answer
from flows.label.photos import files_of
from flows.local_page.images import ImageCache
from tests.flows.label.conftest import TOKEN, LabelPage
from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, Browser, listening

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM),
]
HOSTILE = "<img src=x onerror=alert(1)>"
CLASSES = (*(f"class {number}" for number in range(10)), HOSTILE)
ANSWERED = """document.getElementById('progress').textContent.match(/[0-9]+(?= (of 12|skipped))/g)
.reduce((sum, count) => sum + Number(count), 0)"""
COUNT_REQUESTS = """
const ask = window.fetch;
window.answers = 0;
window.fetch = async (...given) => { const answer = await ask(...given); window.answers += 1; return answer; };
"""
PRESS = """
const [key, code] = arguments;
document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true }));
"""


@pytest.fixture
def served(folder: Path, open_page: Any) -> Iterator[tuple[LabelPage, str]]:
    page = open_page(folder, classes=CLASSES)
    images = ImageCache(Path(folder.anchor), files_of(page.photos))
    with listening(lambda port: build(folder, page.session, images, token=TOKEN, port=port)) as port:
        yield page, f"http://127.0.0.1:{port}/{TOKEN}/"


def test_labels_by_keyboard(served: tuple[LabelPage, str], tmp_path: Path) -> None:
    page, url = served
    browser = Browser(tmp_path / "profile")

    def wait_for(text: str) -> None:
        browser.wait(f"document.getElementById('progress').textContent.startsWith('{text}')")

    try:
        browser.driver.get(url)
        browser.wait("document.querySelector('#photo img')?.naturalWidth")
        browser.run(PRESS, "1", "Digit1")
        wait_for("1 of 12 labelled")
        browser.run(PRESS, "ㅂ", "KeyQ")  # the key of q on a Hangul keyboard, as the browser reports it
        wait_for("2 of 12 labelled")
        browser.run(PRESS, "ㅜ", "KeyN")
        browser.wait("document.getElementById('move').open")
        browser.run(COUNT_REQUESTS)
        browser.press("새 것")
        browser.wait("window.answers > 1")  # meanwhile, the page has asked for the state and drawn it
        browser.wait("document.querySelector('#options li').textContent === 'new class: 새 것'")
        browser.key("Enter")
        wait_for("3 of 12 labelled")
        browser.run(PRESS, "ㅌ", "KeyX")
        wait_for("3 of 12 labelled · 1 of no class")
        browser.run(PRESS, "Backspace", "Backspace")
        browser.wait("!document.getElementById('progress').textContent.includes('no class')")
        given = list(page.files.read().values())
        assert given == [Answer("label", label) for label in (HOSTILE, "class 9", "새 것")]
        for count in range(4, 13):  # the proposals, once there are any; else skip
            browser.wait("!document.getElementById('actions').hidden")
            enter = not browser.run("return document.getElementById('accept').disabled")
            browser.run(PRESS, *(("Enter", "Enter") if enter else (" ", "Space")))
            browser.wait(f"{ANSWERED} === {count}")
        assert len(page.files.read()) == 12
        assert browser.text("#end").startswith("All photos have an answer")
        phone = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        browser.run("document.getElementById('progress').textContent = arguments[0]", "9 of 62 labelled · " * 4)
        assert browser.run("return document.documentElement.scrollWidth") == 390
        assert browser.log_messages() == []
    finally:
        browser.driver.quit()
