"""The page in a real browser: show, decide by keyboard, reload, undo."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import pytest

from tasks import tables
from tasks.filter import review_log
from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, WAIT_S, Browser, printed_url, serving
from tests.helpers.pipeline import write_photos
from tests.helpers.review import ReviewFolder, write_classes

HOSTILE = "<img src=x onerror=alert(1)>"
CLASSES = {"cat": 4, "dog": 4, HOSTILE: 4}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM),
]


@pytest.fixture
def hostile(tmp_path: Path) -> ReviewFolder:
    """Twelve photos of three classes; the name of one class and some reasons contain markup."""
    write_classes(tmp_path / "photos", CLASSES)
    review_folder = ReviewFolder(tmp_path / "data", tmp_path / "photos")
    labels = review_folder.crawl()["label"].tolist()
    review_folder.publish(
        [
            {
                "photo": i,
                "reason": f"{HOSTILE} duplicate" if i % 2 else "blurred",
                "twin": i - 1 if i % 2 else None,
                "name": f"{HOSTILE}\0\u202egpj {i}",
                "suggestion": "dog" if label == "cat" else None,
            }
            for i, label in enumerate(labels)
        ]
    )
    return review_folder


@pytest.fixture
def served(hostile: ReviewFolder) -> Iterator["subprocess.Popen[str]"]:
    with serving(hostile) as process:
        yield process


def valid_decisions(review_folder: ReviewFolder) -> list[tuple[str, str, str]]:
    return [(key.label, decision.action, decision.to) for key, decision in review_log.read(review_folder.data).items()]


KEY_DOWN = """
const [key, code, shiftKey] = arguments;
const pressed = { key, code, shiftKey: !!shiftKey, bubbles: true, cancelable: true };
document.activeElement.dispatchEvent(new KeyboardEvent('keydown', pressed));
"""


def test_photos_are_reviewed_by_keyboard(
    hostile: ReviewFolder, served: "subprocess.Popen[str]", browser: Browser
) -> None:
    url = printed_url(served)
    browser.driver.get(url)
    browser.wait_for_reviewed(0)
    browser.wait("document.querySelectorAll('.card').length === 12")
    browser.wait("[...document.querySelectorAll('.pictures img')].slice(0, 4).every((image) => image.naturalWidth > 0)")
    assert [item.get_property("textContent") for item in browser.all("section > h2")] == [
        "blurred",
        f"{HOSTILE} duplicate",
    ]

    browser.press("?")
    browser.wait("document.getElementById('help').open")
    browser.press("\ue00c")  # Esc
    for link in browser.all("#labels a"):
        if link.get_property("textContent").startswith("cat"):
            link.click()
            break
    browser.wait("document.querySelectorAll('.card').length === 4")
    assert "label=cat" in browser.driver.current_url

    browser.run(KEY_DOWN, "ㅛ", "KeyY")  # the key of y on a Hangul keyboard: the first is kept, the next selected
    assert browser.text("#said") == "kept; u: undo"
    browser.wait_for_reviewed(1)
    browser.press("x")
    browser.press("s")  # move to the suggested class, dog
    browser.press("m")
    browser.wait("document.getElementById('move').open")
    browser.press("onerr", "\ue007")
    browser.wait_for_reviewed(4)
    assert valid_decisions(hostile) == [
        ("cat", "keep", ""),
        ("cat", "reject", ""),
        ("cat", "move", "dog"),
        ("cat", "move", HOSTILE),
    ]

    browser.driver.refresh()
    browser.wait_for_reviewed(4)
    assert browser.all(".card") == []  # all cats are decided, and only open ones are shown
    browser.driver.get(f"{url}#label=cat&state=all")
    browser.wait("document.querySelectorAll('.card').length === 4")
    marks = [item.get_property("textContent") for item in browser.all(".mark")]
    assert marks == ["kept", "rejected", "moved to dog", f"moved to {HOSTILE}"]

    browser.press("u", "u", "u")
    browser.wait_for_reviewed(1)
    assert valid_decisions(hostile) == [("cat", "keep", "")]
    assert browser.text("[aria-current] .mark") == "rejected by the filter"
    browser.driver.refresh()
    browser.wait_for_reviewed(1)
    browser.wait("document.querySelectorAll('.card').length === 4")
    assert browser.text(".mark") == "kept"

    browser.press("v")
    browser.wait("document.getElementById('view').open")
    browser.press("j", "x")
    browser.wait_for_reviewed(2)
    browser.press("v")
    browser.wait("!document.getElementById('view').open")

    assert browser.all("img[onerror]") == []
    assert browser.log_messages() == []
    assert browser.hosts() == {urlsplit(url).netloc}

    served.send_signal(signal.SIGINT)
    out, err = served.communicate(timeout=WAIT_S)
    assert "reviewed 2 photos; `fluke run default crawl.path=" in out
    assert (served.returncode, err) == (0, "")
    browser.press("y")  # the server has stopped
    browser.wait("document.getElementById('said').textContent.includes(\"has stopped\")")
    assert valid_decisions(hostile)[0] == ("cat", "keep", "")
    assert len(valid_decisions(hostile)) == 2


def test_marked_photos_are_decided_and_undone_together(
    hostile: ReviewFolder, served: "subprocess.Popen[str]", browser: Browser
) -> None:
    browser.driver.get(printed_url(served))
    browser.wait_for_reviewed(0)
    browser.wait("document.querySelectorAll('.card').length === 12")
    for _ in range(2):
        browser.run(KEY_DOWN, "ArrowRight", "ArrowRight", True)
    browser.wait("document.querySelectorAll('.card.marked').length === 3")
    browser.press("y")
    browser.wait_for_reviewed(3)
    assert browser.all(".card.marked") == []
    browser.press("a")
    browser.wait("document.querySelectorAll('.card.marked').length === 9")
    browser.press("x")
    browser.wait_for_reviewed(12)
    assert [action for _, action, _ in valid_decisions(hostile)].count("reject") == 9
    browser.press("u")
    browser.wait_for_reviewed(3)
    browser.press("a")
    browser.press("j")  # to select another photo unmarks them
    browser.wait("document.querySelectorAll('.card.marked').length === 0")
    browser.press("x")
    browser.wait_for_reviewed(4)
    browser.press("u")
    browser.press("u")
    browser.wait_for_reviewed(0)
    assert valid_decisions(hostile) == []


def test_decisions_take_effect_when_the_filter_runs_again(browser: Browser, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 30)
    dark = tmp_path / "photos" / "grey" / "dark.png"
    cv2.imwrite(str(dark), cv2.imread(str(dark.with_name("1.png")))[::-1] // 8)
    review_folder = ReviewFolder(tmp_path / "data", tmp_path / "photos")
    first = review_folder.filter()
    assert tables.filter.REJECTED.read(first)["name"].tolist() == ["grey/dark.png"]
    with serving(review_folder) as process:
        browser.driver.get(printed_url(process))
        browser.wait_for_reviewed(0, 1)
        browser.press("y")
        browser.wait_for_reviewed(1, 1)
        second = review_folder.filter()
        assert second != first
        assert "grey/dark.png" in tables.filter.KEPT.read(second)["name"].tolist()
        assert review_folder.filter() == second
        browser.press("u")
        browser.wait_for_reviewed(0, 1)
    assert review_folder.filter() == first  # without decisions the first result is valid again
    assert browser.log_messages() == []
