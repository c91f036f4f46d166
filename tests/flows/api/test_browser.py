"""`fluke open` in a real browser: a chosen photo gets its answer, probabilities and heat map; another file a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.api import page
from flows.api.answering import Answering
from flows.api.bodies import Limits
from flows.api.champion import Champion
from tests.flows.api.conftest import photo
from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, Browser, listening

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM),
]
TEXTS = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
SHOWN = "document.querySelector('.look img')"


@pytest.fixture
def url(champion: Champion) -> Iterator[str]:
    with listening(lambda port: page.build(Answering(champion, Limits()), token="secret", port=port)) as port:
        yield f"http://127.0.0.1:{port}/secret/"


def test_a_chosen_photo_is_answered_and_another_file_gets_a_reason(url: str, browser: Browser, tmp_path: Path) -> None:
    light, other = tmp_path / "흰색.png", tmp_path / "notes.jpg"
    light.write_bytes(photo(204, form="PNG"))
    other.write_text("no photo")
    browser.driver.get(url)
    browser.driver.find_element("id", "files").send_keys(f"{light}\n{other}")
    browser.wait(f"{SHOWN}?.naturalWidth && document.querySelector('.failed')")
    assert browser.text(".photo h2") == "bright"
    assert browser.run(TEXTS, ".top bdi") == ["bright", "dark"]
    assert browser.run(TEXTS, ".top .share") == ["80.0 %", "20.0 %"]
    heat = browser.run(f"return [{SHOWN}.src, {SHOWN}.alt]")
    browser.driver.find_element("css selector", ".heat").click()
    plain = browser.run(f"return [{SHOWN}.src, {SHOWN}.alt]")
    assert (heat[1], plain[1]) == ("heat map of bright", light.name)
    assert heat[0] != plain[0]
    browser.wait("document.querySelector('.nearest img')?.naturalWidth")
    assert browser.run(TEXTS, ".failed .name, .failed .reason") == [
        "notes.jpg",
        "the photo can't be read: not a picture",
    ]
    assert browser.hosts() == {url.split("/")[2]}
