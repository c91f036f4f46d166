"""`fluke open` in a real browser: a chosen photo gets its answer, probabilities and heat map; another file a reason."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, Browser
from tests.helpers.pipeline import Fluke

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM),
]
TEXTS = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
SHOWN = "document.querySelector('.look img')"


@pytest.fixture
def url(finished: Fluke) -> Iterator[str]:
    process = finished.start_warm("open", "--no-browser")
    try:
        found = re.search(r"http://\S+", process._streams[0].readline())
        assert found
        yield found[0]
    finally:
        process.kill()
        process.communicate()


def test_a_chosen_photo_is_answered_and_another_file_gets_a_reason(
    finished: Fluke, url: str, browser: Browser, tmp_path: Path
) -> None:
    photo, other = next((finished.photos / "white").iterdir()), tmp_path / "notes.jpg"
    other.write_text("no photo")
    browser.driver.get(url)
    browser.driver.find_element("id", "files").send_keys(f"{photo}\n{other}")
    browser.wait(f"{SHOWN}?.naturalWidth && document.querySelector('.failed')")
    classes, percentages = (browser.run(TEXTS, f".top {kind}") for kind in ("bdi", ".share"))
    shares = [float(each.strip("< %")) for each in percentages]
    assert sorted(classes) == ["black", "grey", "white"]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert browser.text(".photo h2") == classes[0]
    heat = browser.run(f"return [{SHOWN}.src, {SHOWN}.alt]")
    browser.driver.find_element("css selector", ".heat").click()
    plain = browser.run(f"return [{SHOWN}.src, {SHOWN}.alt]")
    assert (heat[1], plain[1]) == (f"heat map of {classes[0]}", photo.name)
    assert heat[0] != plain[0]
    browser.wait("[...document.querySelectorAll('.nearest img')].length === 6")
    assert browser.text(".failed .name") == "notes.jpg"
    assert browser.text(".failed .reason") == "the photo can't be read: not a picture"
    assert len(browser.hosts()) == 1
