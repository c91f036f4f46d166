"""All photos in a real browser: views, filters, search, similarity, ranges, reviewers; one server, Korean names."""

import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, Browser, printed_url, serving
from tests.helpers.review import ReviewFolder, write_classes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM),
]

CAT, DOG, BIRD = "고양이", "강아지", "bird"
MESSAGE = "document.getElementById('said').textContent"
FAIL = """window.real = fetch;
window.fetch = (what, ...all) =>
  String(what).includes('decide') ? Promise.reject(new TypeError('no network')) : real(what, ...all);"""
COUNT_REQUESTS = """const real = fetch;
window.sent = 0;
window.buttons = () => document.querySelector('.card .buttons');
window.fetch = (what, options) => {
  window.sent += options?.method === 'POST';
  window.drawn = window.buttons();
  return real(what, options);
};"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ReviewFolder:
    """Twelve photos of three classes; those in the test have answers, of which two are wrong."""
    root = tmp_path_factory.mktemp("browsing")
    write_classes(root / "photos", {CAT: 4, DOG: 4, BIRD: 4})
    made = ReviewFolder(root / "data", root / "photos")
    crawled = made.crawl()
    numbers = {label: [n for n, each in enumerate(crawled["label"]) if each == label] for label in (CAT, DOG, BIRD)}
    tested = [*numbers[CAT], *numbers[DOG]]
    filtered = made.publish([{"photo": numbers[BIRD][0]}], tested=tested)
    answers = [(n, DOG if n in numbers[CAT][:2] else None, 0.6 + 0.05 * i) for i, n in enumerate(tested)]
    features = np.random.default_rng(0).standard_normal((len(crawled), 8)).astype(np.float32)
    features[numbers[BIRD][3]] = 2 * features[numbers[CAT][0]]
    made.evaluate(answers, preset="default", filtered=filtered, features=features)
    return made


@pytest.fixture(scope="module")
def process(folder: ReviewFolder) -> Iterator["subprocess.Popen[str]"]:
    with serving(folder, "--as", "하나") as served:
        yield served


@pytest.fixture(scope="module")
def url(process: "subprocess.Popen[str]") -> str:
    return printed_url(process)


@pytest.fixture
def page(folder: ReviewFolder, url: str, browser: Browser) -> Iterator[Browser]:
    """The page with the list of all photos, none of which has a decision."""
    (folder.data / review_log.NAME).unlink(missing_ok=True)
    browser.driver.get(f"{url}#view=photos")
    shows(browser, 12)
    yield browser
    assert browser.log_messages() == []


OLD = "for (const section of document.querySelectorAll('#list > section')) section.isOld = true;"
IS_NEW = "!document.querySelector('#list > section')?.isOld"


def shows(browser: Browser, count: int) -> None:
    """Wait for a list of this number of photos."""
    is_complete = "document.getElementById('end').textContent !== ''"
    browser.wait(f"{IS_NEW} && document.querySelectorAll('.card').length === {count} && {is_complete}")


def go(browser: Browser, filters: str, count: int) -> None:
    """Go to the list of all photos that pass some filters, so many."""
    browser.run(f"{OLD} location.hash = arguments[0]", f"view=photos&{filters}")
    shows(browser, count)


def choose(browser: Browser, filters: str, text: str) -> None:
    """Click a filter whose text begins so."""
    links = "[...document.querySelectorAll(`#${arguments[0]} a`)]"
    browser.run(f"{OLD} {links}.find((link) => link.textContent.startsWith(arguments[1])).click()", filters, text)


def names(browser: Browser) -> list[str]:
    return browser.run("return [...document.querySelectorAll('.card .name')].map((node) => node.title)")


def reviewed(folder: ReviewFolder) -> dict[str, str]:
    """The decisions, by the name of the photo."""
    crawled = folder.crawl().set_index("photo")["name"]
    return {crawled[key.photo]: made.action for key, made in review_log.read(folder.data).items()}


def test_photos_are_found_by_class_split_mistakes_confidence_search_and_similarity(page: Browser) -> None:
    assert page.text("h1 .muted") == "as 하나"
    assert page.run("return [...document.querySelectorAll('section > h2')].map((n) => n.textContent)") == [
        BIRD,
        DOG,
        CAT,
    ]
    choose(page, "labels", CAT)
    shows(page, 4)
    assert names(page) == [f"{CAT}/{i}.jpg" for i in range(4)]
    choose(page, "answers", "mistakes")
    shows(page, 2)
    assert page.text(".suggestion bdi") == DOG
    assert page.text("#chosen") == f": All photos, All, {CAT}, mistakes"
    choose(page, "labels", "All classes")
    shows(page, 2)
    choose(page, "answers", "All answers")
    shows(page, 12)
    choose(page, "splits", "test")
    shows(page, 8)
    choose(page, "confidences", "90 to 99")
    shows(page, 2)
    choose(page, "confidences", "Any")
    shows(page, 8)
    choose(page, "orders", "Model least sure first")
    shows(page, 8)
    assert names(page)[0] == f"{CAT}/0.jpg"
    page.run("document.getElementById('search').focus()")
    page.press("강아지/2")
    shows(page, 1)
    assert names(page) == [f"{DOG}/2.jpg"]
    go(page, "state=all", 12)
    page.driver.execute_script("document.querySelectorAll('.card .why')[8].click()")
    page.key("ㄹ", code="KeyF")  # the photos that are similar to the first cat
    page.wait("document.querySelector('#list h2')?.textContent.startsWith('Similar to')")
    shows(page, 12)
    assert names(page)[:2] == [f"{CAT}/0.jpg", f"{BIRD}/3.jpg"]
    assert page.run("return document.querySelectorAll('.card')[1].textContent").count("similarity 1.00 of 1") == 1


def test_ranges_are_marked_and_decided_on_a_hangul_keyboard_in_one_request(page: Browser, folder: ReviewFolder) -> None:
    page.run(COUNT_REQUESTS)
    for _ in range(2):
        page.key("ㅓ", code="KeyJ", shift=True)
    page.wait("document.querySelectorAll('.card.marked').length === 3")
    page.key("ㅌ", code="KeyX")
    page.wait(f"{MESSAGE} === '3 photos decided; u: undo'")
    assert reviewed(folder) == {f"{BIRD}/{i}.jpg": "reject" for i in range(3)}
    assert page.run("return window.sent") == 1
    assert page.run("return window.drawn === window.buttons()")  # not made again for the server's answer and the marks
    assert page.run("return document.querySelector('.card[aria-current] .name').title") == f"{BIRD}/3.jpg"
    page.key("ㅛ", code="KeyY")
    page.wait_for_reviewed(4)
    page.key("ㅕ", code="KeyU")
    page.wait_for_reviewed(3)
    page.key("ㅕ", code="KeyU")
    page.wait(f"{MESSAGE} === 'undone: 3 photos'")
    assert (reviewed(folder), page.run("return window.sent")) == ({}, 4)
    assert len(page.all(".card.marked")) == 3  # as before the decision
    page.key("ㅊ", code="KeyC")  # no key of the page
    page.key("Escape")
    page.wait("document.querySelectorAll('.card.marked').length === 0")


def test_what_cannot_be_saved_stays_marked(page: Browser, folder: ReviewFolder) -> None:
    choose(page, "labels", DOG)
    shows(page, 4)
    page.key("a")
    page.wait("document.querySelectorAll('.card.marked').length === 4")
    page.run(FAIL)
    page.key("x")
    page.wait(f"{MESSAGE}.startsWith('not saved: ')")
    assert page.run(f"return {MESSAGE}").endswith("all 4 photos are still marked")
    assert len(page.all(".card.marked.undecided")) == 4
    page.run("window.fetch = window.real")
    crawled = folder.crawl().set_index("name")["photo"]
    review_log.add(folder.data, [Decision(ReviewKey(crawled[f"{DOG}/1.jpg"], DOG), "keep")], "둘")
    page.key("x")
    page.wait(f"{MESSAGE}.startsWith('3 decided; 1 photo decided elsewhere meanwhile')")
    assert len(page.all(".card.marked.keep")) == len(page.all(".card.marked")) == 1
    assert "decided by 둘" in page.text(".card.marked .reviewers")
    assert reviewed(folder) == {f"{DOG}/{i}.jpg": "keep" if i == 1 else "reject" for i in range(4)}


def test_an_undo_brings_back_only_photos_that_pass_all_filters(page: Browser) -> None:
    go(page, "state=open", 12)
    page.key("x")  # the first bird: a train photo
    page.wait_for_reviewed(1)
    go(page, "state=open&split=test", 8)
    page.key("u")
    page.wait_for_reviewed(0)
    assert len(page.all(".card")) == 8  # it isn't in the test
    go(page, "state=open", 12)
    page.key("x")
    page.wait_for_reviewed(1)
    go(page, "state=open&text=0.jpg", 2)
    page.key("u")
    shows(page, 3)
    page.key("x")
    page.wait_for_reviewed(1)
    go(page, "state=reviewed", 1)
    page.key("u")
    shows(page, 0)  # it is reviewed no more


def test_reviewers_who_differ_are_a_list(page: Browser, folder: ReviewFolder) -> None:
    page.key("x")
    page.wait_for_reviewed(1)
    (key,) = review_log.read(folder.data)
    review_log.add(folder.data, [Decision(key, "keep")], "둘")
    page.run("dispatchEvent(new Event('focus'))")
    page.wait("[...document.querySelectorAll('#states a')].some((a) => a.textContent.startsWith('Reviewers differ'))")
    choose(page, "states", "Reviewers differ")
    shows(page, 1)
    assert page.text(".reviewers.differ") == "둘 decided; reviewers differ, 하나: rejected"
