"""The page in a real browser beside other pages and reviewers, with a slow or failing server, by mouse and keyboard."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from tasks.filter import review_log
from tasks.filter.review_log import Action, Decision, ReviewKey
from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, Browser, printed_url, serving
from tests.helpers.review import ReviewFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM),
]

MESSAGE = "document.getElementById('said').textContent"
DELAY = (
    "const real = fetch; window.fetch = (...all) => new Promise((go) => setTimeout(go, 900)).then(() => real(...all));"
)
LATE_NEWS = """const real = fetch;
window.fetch = async (what, ...all) => {
  const answer = await real(what, ...all);
  if (String(what).includes('news')) {
    await new Promise((go) => setTimeout(go, 700));
    setTimeout(() => (window.arrived = true), 0);
  }
  return answer;
};
dispatchEvent(new Event('focus'));"""
FAIL = """window.real ??= fetch;
window.fetch = () => Promise.reject(new TypeError('no network'));
window.clock = performance.now;
const at = performance.now();
performance.now = () => at;"""
"""Requests fail, and the page's clock stands still: a busy machine doesn't make the answer late."""

PRESS = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'y', bubbles: true }))"
SOON = f"""return (async () => {{
  {PRESS};
  while (!{MESSAGE}.includes('decided elsewhere')) await new Promise((go) => setTimeout(go, 1));
  {PRESS};
  await new Promise((go) => setTimeout(go, 300));
}})()"""
CLICK_SOON = """return (async () => {
  const card = document.querySelector(`.card[data-number="${arguments[0]}"]`);
  dispatchEvent(new Event('focus'));
  while (!card.classList.contains('reject')) await new Promise((go) => setTimeout(go, 1));
  card.querySelector('[data-act=reject]').click();
  await new Promise((go) => setTimeout(go, 300));
})()"""


@pytest.fixture
def served(review_folder: ReviewFolder) -> Iterator["subprocess.Popen[str]"]:
    review_folder.publish([{"photo": i} for i in range(5)])
    with serving(review_folder) as process:
        yield process


@pytest.fixture
def keys(review_folder: ReviewFolder, served: "subprocess.Popen[str]", browser: Browser) -> list[ReviewKey]:
    """The photos of the page, which is open."""
    browser.driver.get(printed_url(served))
    browser.wait("document.querySelectorAll('.card').length === 5 && document.getElementById('end').textContent")
    rows = browser.run("return fetch('rows?state=all').then(async (answer) => (await answer.json()).rows)")
    return [ReviewKey(row["photo"], row["label"]) for row in rows]


def in_log(review_folder: ReviewFolder, keys: list[ReviewKey]) -> dict[int, str]:
    return {keys.index(key): decision.action for key, decision in review_log.read(review_folder.data).items()}


def other(review_folder: ReviewFolder, key: ReviewKey, action: Action) -> None:
    """Another reviewer decides."""
    review_log.add(review_folder.data, [Decision(key, action)])


def current(browser: Browser) -> int | None:
    return browser.run("return Number(document.querySelector('.card[aria-current]')?.dataset.number ?? -1)")


def test_what_another_reviewer_decided_is_shown_first_and_changed_only_by_another_key(
    review_folder: ReviewFolder, browser: Browser, keys: list[ReviewKey]
) -> None:
    other(review_folder, keys[0], "reject")
    browser.key("y")
    browser.wait(f"{MESSAGE} === 'decided elsewhere meanwhile: rejected; press again to change it'")
    assert (in_log(review_folder, keys), current(browser)) == ({0: "reject"}, 0)
    time.sleep(0.3)  # a key that comes sooner isn't an answer to the message
    browser.key("y")
    browser.wait_for_reviewed(1, 5)
    assert in_log(review_folder, keys) == {0: "keep"}

    # With the larger view open, and after an undo of somebody else.
    browser.key("v")
    browser.key("x")
    browser.wait_for_reviewed(2, 5)
    review_log.undo(review_folder.data, {keys[1]})
    browser.key("k")
    browser.key("y")
    browser.wait(f"{MESSAGE} === 'decided elsewhere meanwhile: undone; press again to change it'")
    assert in_log(review_folder, keys) == {0: "keep"}
    browser.key("Escape")
    time.sleep(0.3)

    # The answer comes late, when the person looks at the next photo already: the selection stays.
    other(review_folder, keys[1], "reject")
    browser.run(DELAY)
    browser.key("y")
    browser.wait(f"{MESSAGE}.endsWith('decided elsewhere meanwhile: rejected; go back to it to change it')")
    assert current(browser) == 2
    assert in_log(review_folder, keys) == {0: "keep", 1: "reject"}


def test_keys_that_come_too_soon_are_no_answer_to_the_message(
    review_folder: ReviewFolder, browser: Browser, keys: list[ReviewKey]
) -> None:
    other(review_folder, keys[0], "reject")
    browser.run(SOON)
    assert in_log(review_folder, keys) == {0: "reject"}

    other(review_folder, keys[1], "reject")
    time.sleep(0.3)
    browser.key("j")
    browser.run(CLICK_SOON, 1)  # the button becomes the one of the decision: this click is no undo
    assert in_log(review_folder, keys) == {0: "reject", 1: "reject"}


def test_undo_leaves_what_others_and_other_tabs_decided(
    review_folder: ReviewFolder, browser: Browser, keys: list[ReviewKey]
) -> None:
    browser.key("x")
    browser.key("x")
    browser.wait_for_reviewed(2, 5)
    other(review_folder, keys[4], "reject")
    first = browser.driver.current_window_handle
    url = browser.driver.current_url
    browser.driver.switch_to.new_window("tab")
    browser.driver.get(url)
    browser.wait_for_reviewed(3, 5)
    browser.key("u")
    browser.wait(f"{MESSAGE}.startsWith('this page has nothing to undo')")
    browser.key("y")  # photo 2
    browser.wait_for_reviewed(4, 5)
    browser.driver.switch_to.window(first)
    browser.run("dispatchEvent(new Event('focus'))")
    browser.wait_for_reviewed(4, 5)  # the first tab caught up
    assert browser.run("return [...document.querySelectorAll('.card.keep, .card.reject')].length") == 4
    other(review_folder, keys[1], "keep")
    browser.key("u")
    browser.wait(f"{MESSAGE}.includes('decided elsewhere meanwhile: kept')")
    browser.key("u")
    browser.wait_for_reviewed(3, 5)
    assert in_log(review_folder, keys) == {1: "keep", 2: "keep", 4: "reject"}
    browser.key("u")
    browser.wait(f"{MESSAGE}.startsWith('this page has nothing to undo')")

    browser.key("x")  # photo 0 again, then the page is reloaded: it can still undo
    browser.wait_for_reviewed(4, 5)
    browser.driver.refresh()
    browser.wait_for_reviewed(4, 5)
    browser.wait("document.querySelectorAll('.card').length === 1")
    browser.key("u")
    browser.wait_for_reviewed(3, 5)
    browser.wait("document.querySelectorAll('.card').length === 2")
    assert (in_log(review_folder, keys), current(browser)) == ({1: "keep", 2: "keep", 4: "reject"}, 0)


def test_a_failed_or_slow_server_changes_no_other_photo(
    review_folder: ReviewFolder, browser: Browser, keys: list[ReviewKey]
) -> None:
    browser.run(FAIL)
    browser.key("x")
    browser.wait(f"{MESSAGE}.includes('not saved: fluke review has stopped')")
    assert current(browser) == 0
    browser.run("window.fetch = real; performance.now = clock")
    browser.key("x")
    browser.wait_for_reviewed(1, 5)
    browser.run(DELAY)
    for key in ("y", "x", "u", "u", "y", "k", "k"):
        browser.key(key)
    assert current(browser) == 0
    browser.wait("document.querySelectorAll('.card.keep').length === 1 && document.querySelector('#progress')")
    browser.wait_for_reviewed(2, 5)
    assert in_log(review_folder, keys) == {0: "reject", 1: "keep"}


def test_a_held_key_a_double_click_and_the_end_of_the_list_decide_once(
    review_folder: ReviewFolder, browser: Browser, keys: list[ReviewKey]
) -> None:
    browser.key("x", repeats=5)
    browser.wait_for_reviewed(1, 5)
    browser.run("document.querySelector('.card[aria-current] [data-act=keep]').focus()")
    browser.key("Enter", repeats=5)  # held on a button
    browser.wait_for_reviewed(2, 5)
    browser.run("document.querySelector('.card[aria-current] [data-act=move]').focus()")
    browser.key("Enter", repeats=5)  # the dialog opens, and chooses nothing by itself
    browser.wait("document.getElementById('move').open")
    browser.key("Escape")
    browser.key("m", repeats=3)
    assert browser.run("return document.getElementById('to').value") == ""
    browser.key("Escape")
    assert in_log(review_folder, keys) == {0: "reject", 1: "keep"}

    from selenium.webdriver import ActionChains

    reject = browser.all(".card [data-act=reject]")[2]
    ActionChains(browser.driver).double_click(reject).perform()
    browser.wait_for_reviewed(3, 5)
    browser.key("y")  # keyboard after mouse: the next photo
    browser.wait_for_reviewed(4, 5)
    browser.key("v")
    browser.key("x")
    browser.wait(f"{MESSAGE}.endsWith('that was the end of the list, k: go back')")
    for key in ("y", "Enter", "m", "s", "v", "y"):
        browser.key(key)
    browser.wait_for_reviewed(5, 5)
    assert in_log(review_folder, keys) == {0: "reject", 1: "keep", 2: "reject", 3: "keep", 4: "reject"}
    browser.key("k")  # on purpose
    browser.key("y")
    browser.wait("document.querySelectorAll('.card.keep').length === 3")
    browser.driver.refresh()
    browser.wait_for_reviewed(5, 5)
    assert in_log(review_folder, keys)[4] == "keep"
    assert browser.log_messages() == []


def test_a_filter_that_ran_again_with_a_renamed_class_is_said_and_reloaded(
    review_folder: ReviewFolder, browser: Browser, keys: list[ReviewKey]
) -> None:
    browser.key("x")
    browser.key("y")
    browser.wait_for_reviewed(2, 5)
    (review_folder.photos / "cat").rename(review_folder.photos / "kitten")
    crawled = review_folder.crawl()
    kittens = [number for number, label in enumerate(crawled["label"]) if label == "kitten"]
    review_folder.publish([{"photo": number} for number in kittens])
    browser.wait("(dispatchEvent(new Event('focus')), !document.getElementById('newer').hidden)")
    browser.key("x")  # the older page goes on: the decision is about the same photo
    browser.wait_for_reviewed(3, 5)
    browser.run("document.getElementById('reload').click()")
    browser.wait_for_reviewed(3, 3)
    assert browser.run("return document.getElementById('newer').hidden")
    browser.run(LATE_NEWS)  # an answer from before the undo arrives after it, and changes nothing
    time.sleep(0.2)
    browser.key("u")  # what this page decided when the class had its older name
    browser.wait_for_reviewed(2, 3)
    browser.wait("window.arrived")
    browser.key("y")
    browser.wait_for_reviewed(3, 3)
    made = {key.photo: (key.label, made.action) for key, made in review_log.read(review_folder.data).items()}
    assert made == {
        keys[0].photo: ("cat", "reject"),
        keys[1].photo: ("cat", "keep"),
        keys[2].photo: ("kitten", "keep"),
    }
